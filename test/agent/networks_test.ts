import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WatchEvent } from '../../src/agent/events.ts';
import { createHealth, createHealths } from '../../src/agent/health.ts';
import { type Membership, type NetworksWorld, runNetworks } from '../../src/agent/networks.ts';
import { TartanError } from '../../src/errors.ts';

const away = () => new TartanError('STORE_UNAVAILABLE', 'the store is away', 'Wait.');

/** A member that joins at once and stays, and a host that remembers. */
function stage(there: (string | null)[], changes: Partial<NetworksWorld> = {}) {
  const ending = new AbortController();
  const events: WatchEvent[] = [];
  const joined = new Set<string>();
  let looks = 0;
  const world: NetworksWorld = {
    healths: createHealths(() => createHealth(10, () => 0)),
    signal: ending.signal,
    directory: {
      description: 'a list',
      async list() {
        const now = there[looks++];
        if (now === undefined) ending.abort();
        if (now == null) throw away();
        return now.split(' ').filter(Boolean);
      },
      async close() {},
    },
    now: () => 0,
    emit: (event) => events.push(event),
    async member(network, { emit, signal }: Membership) {
      joined.add(network);
      emit({ time: '', type: 'joined' });
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    },
    joined: async () => [...joined],
    leave: async (network) => joined.delete(network),
    ...changes,
  };
  const run = async (networks: string[] = []) => {
    await runNetworks(world, { networks, intervalMs: 1 });
    return events.map(({ type, network = '-' }) => `${type} ${network}`);
  };
  return { run, world, events, joined, ending };
}

test('takes up what comes, and leaves what goes', async () => {
  const { run } = stage(['blue', 'blue green', 'green', 'green', 'green blue']);
  assert.deepEqual(await run(), [
    'joined blue',
    'joined green',
    'left blue',
    'joined blue',
    'error -',
  ]);
});

test('takes up only those that are named', async () => {
  const { run } = stage(['blue green red']);
  assert.deepEqual(await run(['red', 'blue']), ['joined blue', 'joined red', 'error -']);
});

test('a directory that is away says nothing of any, and is told of once', async () => {
  const { run } = stage(['blue', null, null, '', 'blue', '', '']);
  assert.deepEqual(await run(), ['joined blue', 'error -', 'left blue', 'error -']);
});

test('what cannot be left now is left later, and told of once', async () => {
  let tries = 0;
  const { run, events } = stage(['blue', '', '', '', ''], {
    async leave() {
      tries += 1;
      if (tries < 3) throw new TartanError('BUSY', 'another tartan is at work', 'Wait.');
      return true;
    },
  });
  const told = await run();
  assert.deepEqual(told, ['joined blue', 'error -', 'left -', 'error -'].with(2, 'left blue'));
  assert.match(events[1]?.message ?? '', /cannot leave blue: another tartan/);
});

test('one that fails for good begins again, tells each reason once, and holds up no other', async () => {
  let tries = 0;
  const { run, world, events, ending } = stage([], {
    directory: null,
    async member(network, { signal, emit }) {
      if (network === 'red' && ++tries < 2) throw away();
      emit({ time: '', type: 'joined' });
      if (network === 'red') ending.abort();
      if (!signal.aborted)
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
    },
  });
  const told = await run(['red', 'blue']);
  assert.deepEqual(told, ['error red', 'joined blue', 'joined red']);
  assert.equal(events[0]?.message, 'the store is away');
  assert.equal(world.healths.ready().text, 'red: the store is away; blue: has not joined yet');
});

test('healths are good together when each is', () => {
  const healths = createHealths(() => createHealth(10, () => 0));
  assert.deepEqual(healths.ready(), { good: false, text: 'there is no network' });
  assert.equal(healths.alive().good, true);
  const [blue, green] = ['blue', 'green'].map(healths.of);
  assert(blue && green);
  for (const type of ['joined', 'synced'] as const) blue.note({ time: '', type, subnet: 's' });
  assert.equal(healths.ready().good, false);
  for (const type of ['joined', 'synced'] as const) green.note({ time: '', type, subnet: 't' });
  assert.deepEqual(healths.ready(), {
    good: true,
    text: 'blue: member with s; green: member with t',
  });
  healths.forget('blue');
  assert.equal(healths.ready().text, 'green: member with t');
});
