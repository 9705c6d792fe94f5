import assert from 'node:assert/strict';
import { test } from 'node:test';
import { heedStore } from '../../src/agent/heed_store.ts';
import { countOps, createTally } from '../../src/agent/tally.ts';
import { TartanError } from '../../src/errors.ts';
import type { StoreUpdate } from '../../src/store/contract.ts';
import { recordingKernel, testHost } from './world.ts';

const AWAY = new TartanError('STORE_UNAVAILABLE', 'etcd is away', '');
const FULL = new TartanError('STORE_FAILED', 'no space', '');

function tallying() {
  let now = 0;
  const tally = createTally(() => now);
  return { tally, pass: (seconds: number) => (now += seconds * 1000) };
}

test('ops are counted by kind, and as tried again until one of the kind succeeds', async () => {
  const { tally } = tallying();
  const recording = recordingKernel();
  const kernel = countOps(recording, tally);
  const write = { op: 'filter.write', text: '' } as const;
  recording.failNext(new Error('refused'));
  await assert.rejects(kernel.apply(write), /refused/);
  recording.failNext(new Error('refused again'));
  await assert.rejects(kernel.apply(write));
  await kernel.apply({ op: 'filter.remove' });
  await kernel.apply(write);
  await kernel.apply(write);
  assert.deepEqual(tally.ops().get('filter.write'), { applied: 2, failed: 2, retried: 2 });
  assert.deepEqual(tally.ops().get('filter.remove'), { applied: 1, failed: 0, retried: 0 });
  assert.deepEqual(tally.ops().get('bpf.load'), { applied: 0, failed: 0, retried: 0 });
  assert.equal(recording.ops.length, 3);
});

test('looks and events are counted, each kind of which has its counter from the start', () => {
  const { tally } = tallying();
  tally.looked();
  tally.looked(new Error('no'));
  tally.looked();
  assert.deepEqual(tally.looks(), { done: 2, failed: 1 });
  tally.note({ type: 'added' });
  assert.deepEqual([tally.events().get('added'), tally.events().get('lost')], [1, 0]);
});

test('a store is reachable since it has answered, and silent since it does not', async () => {
  await using host = await testHost();
  const { tally, pass } = tallying();
  assert.deepEqual(tally.contact(), { isReachable: false, silentSeconds: 0 });
  let failure: TartanError | null = null;
  const store = heedStore(
    {
      ...host.store,
      list: () => (failure ? Promise.reject(failure) : host.store.list()),
    },
    tally,
  );
  pass(5);
  await store.list();
  assert.deepEqual(tally.contact(), { isReachable: true, silentSeconds: 0 });
  failure = AWAY;
  pass(7);
  await assert.rejects(store.list(), { message: 'etcd is away' });
  assert.deepEqual(tally.contact(), { isReachable: false, silentSeconds: 7 });
  await store.readConfig();
  failure = FULL;
  pass(3);
  await assert.rejects(store.list());
  assert.deepEqual(tally.contact(), { isReachable: true, silentSeconds: 3 }, 'it has answered');
});

test('so does what the watch tells', async () => {
  await using host = await testHost();
  const { tally, pass } = tallying();
  const updates: StoreUpdate[] = [
    { type: 'events', events: [], revision: 2 },
    { type: 'unavailable', message: 'etcd is away' },
    { type: 'snapshot', snapshot: await host.store.list() },
  ];
  async function* watch() {
    yield* updates;
  }
  const store = heedStore({ ...host.store, watch }, tally);
  const seen: [string, boolean, number][] = [];
  pass(9);
  for await (const { type } of store.watch(0, host.controller.signal)) {
    const { isReachable, silentSeconds } = tally.contact();
    seen.push([type, isReachable, silentSeconds]);
    pass(2);
  }
  assert.deepEqual(seen, [
    ['events', true, 0],
    ['unavailable', false, 2],
    ['snapshot', true, 0],
  ]);
});
