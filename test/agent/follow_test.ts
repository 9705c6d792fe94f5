import assert from 'node:assert/strict';
import { test } from 'node:test';
import { follow } from '../../src/agent/follow.ts';
import type { RejectedKey } from '../../src/lease/lease.ts';
import type { LeaseStore, Snapshot, StoreUpdate } from '../../src/store/contract.ts';

/** A store of which nothing but the watch is used. */
function storeThatTells(updates: readonly StoreUpdate[]): LeaseStore {
  async function* watch() {
    yield* updates;
  }
  return { watch } as Partial<LeaseStore> as LeaseStore;
}

const garbage = (reason: string): RejectedKey => ({ key: 'x', subnet: null, reason });

test('what is no lease is told of once, however often the store tells all anew', async () => {
  const told: string[] = [];
  let revision = 1;
  const anew = (...rejected: RejectedKey[]): Snapshot => ({
    leases: [],
    rejected,
    revision: revision++,
  });
  const start = anew(garbage('known from the start'));
  const snapshots = [
    ...[anew(garbage('known from the start')), anew(garbage('worse')), anew(garbage('worse'))],
    ...[anew(), anew(garbage('worse'))],
  ];
  const store = storeThatTells(snapshots.map((snapshot) => ({ type: 'snapshot', snapshot })));
  const following = follow(store, start, new AbortController().signal, {
    onUpdate: () => {},
    onRejected: (key, reason) => told.push(`${key}: ${reason}`),
    onUnavailable: () => {},
  });
  await following.ended;
  assert.deepEqual(told, ['x: worse', 'x: worse']);
});
