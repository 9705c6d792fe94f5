/** The model's store is held to the contract that the real stores are held to. */
import { setTimeout as pause } from 'node:timers/promises';
import { testContract } from '../../integration/store/contract.ts';
import type { StoreHarness } from '../../integration/store/contract_harness.ts';
import type { LeaseStore, StoreUpdate } from '../../src/store/contract.ts';
import { askingStore } from './replay.ts';
import {
  carryOut,
  EMPTY_STORE,
  find,
  LAYOUT,
  type ModelStore,
  put,
  removeKey,
  snapshot,
  updateAfter,
} from './store.ts';

function modelHarness(): StoreHarness {
  let store = EMPTY_STORE;
  const change = (next: ModelStore) => {
    store = next;
  };
  const lapse = () => {
    for (const { key, endsAt } of store.entries) {
      if (endsAt !== null && endsAt <= Date.now()) change(removeKey(store, key));
    }
  };
  const open = async (): Promise<LeaseStore> => {
    const closing = new AbortController();
    return {
      ...askingStore(async (call) => {
        lapse();
        const carried = carryOut(store, call, { now: Date.now(), skew: 0 });
        change(carried.store);
        return carried.answer as never;
      }),
      async *watch(from, signal): AsyncGenerator<StoreUpdate> {
        let seen = from;
        const ends = AbortSignal.any([signal, closing.signal]);
        while (!ends.aborted) {
          lapse();
          const update = updateAfter(store, seen);
          if (update === null) {
            await pause(5, undefined, { signal: ends }).catch(() => {});
            continue;
          }
          seen =
            update.type === 'snapshot'
              ? snapshot(store).revision
              : Number('revision' in update && update.revision);
          yield update;
        }
      },
      close: async () => closing.abort(),
    };
  };
  return {
    open,
    putRaw: async (key, value) => change(put(store, LAYOUT.subnets + key, value, null)),
    removeRaw: async (key) => change(removeKey(store, LAYOUT.subnets + key)),
    readRaw: async (key) => find(store, `/${key}`)?.value ?? null,
    async [Symbol.asyncDispose]() {},
  };
}

testContract('model', async () => modelHarness());
