import assert from 'node:assert/strict';
import type { Host } from '../../lab/host.ts';
import type { Running, StartOptions } from '../../lab/process.ts';
import { waitFor } from '../../lab/ready.ts';
import type { WatchEvent } from '../../src/agent/events.ts';

export interface Watching extends AsyncDisposable {
  readonly running: Running;
  events(): WatchEvent[];
  /** The first event of the type, from the number `from` on. */
  event(type: WatchEvent['type'], from?: number): Promise<WatchEvent>;
}

const TYPES = [
  ...[
    'synced',
    'added',
    'changed',
    'removed',
    'renewed',
    'lost',
    'acquired',
    'reconciled',
    'error',
  ],
];

/** Starts `tartan watch` and waits until it is in step. */
export async function startWatch(
  host: Host,
  args: readonly string[] = [],
  options: StartOptions = {},
): Promise<Watching> {
  const running = host.startTartan(['watch', ...args], options);
  const events = () => parseEvents(running.stdout());
  const event: Watching['event'] = (type, from = 0) =>
    waitFor(`a ${type} event of watch`, () =>
      events()
        .slice(from)
        .find((candidate) => candidate.type === type),
    );
  await event('synced');
  return { running, events, event, [Symbol.asyncDispose]: () => running[Symbol.asyncDispose]() };
}

/** Complete lines only; each must be as the contract says. */
function parseEvents(stdout: string): WatchEvent[] {
  const lines = stdout.split('\n').slice(0, -1);
  return lines.map((line) => {
    const event: WatchEvent = JSON.parse(line);
    assert.match(event.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert(TYPES.includes(event.type), line);
    for (const key of Object.keys(event))
      assert(['time', 'type', 'subnet', 'publicIp', 'formerSubnet', 'message'].includes(key), line);
    return event;
  });
}
