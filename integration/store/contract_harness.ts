import { test } from 'node:test';
import type { LeaseStore } from '../../src/store/contract.ts';

/** A store of its own for one test, empty. */
export interface StoreHarness extends AsyncDisposable {
  /** Opens the store once more, as another node or process would. The harness closes it. */
  open(): Promise<LeaseStore>;
  /** Writes a key under `subnets/` without TTL, past the store's code. */
  putRaw(key: string, value: string): Promise<void>;
  removeRaw(key: string): Promise<void>;
  /** The value of a key, such as `config` or `subnets/10.0.1.0-24`; null if it is absent. */
  readRaw(key: string): Promise<string | null>;
}

export type ContractCheck = (
  title: string,
  body: (harness: StoreHarness, store: LeaseStore) => Promise<void>,
) => void;

/** Makes the function that registers a test with a store of its own. */
export function contractCheck(name: string, start: () => Promise<StoreHarness>): ContractCheck {
  return (title, body) =>
    test(`${name}: ${title}`, async () => {
      await using harness = await start();
      await body(harness, await harness.open());
    });
}
