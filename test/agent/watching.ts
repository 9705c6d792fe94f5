/** A `watch` under test, and its events. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { WatchEvent } from '../../src/agent/events.ts';
import { watch } from '../../src/agent/watch.ts';
import type { WatchSettings, WatchWorld } from '../../src/agent/world.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import { type TestHost, vxlanAttributes } from './world.ts';

export const PEER = vxlanAttributes('192.168.64.8', '02:00:00:00:00:08');
export const PEER_SUBNET = parsePrefix('10.5.200.0/24');

export interface Watching extends AsyncDisposable {
  readonly events: WatchEvent[];
  /** The first event that fits, now or within 5 s. */
  event(fits: (event: WatchEvent) => boolean): Promise<WatchEvent>;
  readonly ended: Promise<void>;
}

/** An iterable that yields when told to. */
export function bell() {
  const { readable, writable } = new TransformStream<void, void>();
  const writer = writable.getWriter();
  return { rings: readable, ring: () => void writer.write() };
}

export async function watchOn(
  host: TestHost,
  changes: Partial<WatchWorld> = {},
  settings: Partial<WatchSettings> = {},
): Promise<Watching> {
  const events: WatchEvent[] = [];
  const world: WatchWorld = {
    ...host.world,
    watchHost: () => bell().rings,
    emit: (event) => events.push(event),
    ...changes,
  };
  const ended = watch(world, { ...host.settings, reconcileIntervalSeconds: 3600, ...settings });
  ended.catch(() => {});
  const watching: Watching = {
    events,
    ended,
    async event(fits) {
      await until(
        () => events.some(fits),
        () => `in ${JSON.stringify(events)}`,
      );
      return events.find(fits) ?? assert.fail();
    },
    async [Symbol.asyncDispose]() {
      host.controller.abort();
      await ended;
    },
  };
  return watching;
}

export async function until(condition: () => boolean, what: () => string): Promise<void> {
  const limit = performance.now() + 5000;
  while (!condition()) {
    assert(performance.now() < limit, `not within 5 s: ${what()}`);
    await pause(1);
  }
}

export const ofType = (type: WatchEvent['type']) => (event: WatchEvent) => event.type === type;
