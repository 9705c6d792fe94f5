import { LIMITS } from '../../src/serve/limits.ts';
import { type StoreServer, serveStore } from '../../src/serve/server.ts';
import type { LeaseStore } from '../../src/store/contract.ts';
import { openHttpStore } from '../../src/store/http.ts';
import type { StoreHarness } from './contract_harness.ts';

const silent = { error() {}, warn() {}, info() {}, debug() {} };

/** A server on a free port of the loopback, where all may write everything. */
export async function serveForAll(store: LeaseStore, port = 0): Promise<StoreServer> {
  return serveStore(
    {
      storeOf: async (network) => (network === '_' ? store : null),
      log: silent,
      now: Date.now,
      listener: { onUnavailable() {}, onReturn() {} },
    },
    {
      place: { kind: 'address', address: '127.0.0.1', port },
      policy: { by: 'none', admins: ['127.0.0.1'] },
      limits: { ...LIMITS, connectionsPerAddress: 1_000, pollsPerAddress: 1_000 },
    },
  );
}

/** A server in front of another harness's store. */
export async function httpHarness(behind: StoreHarness): Promise<StoreHarness> {
  const server = await serveForAll(await behind.open());
  const opened: LeaseStore[] = [];
  return {
    async open() {
      const store = await openHttpStore({ remote: `127.0.0.1:${server.address.port}` });
      opened.push(store);
      return store;
    },
    putRaw: behind.putRaw,
    removeRaw: behind.removeRaw,
    readRaw: behind.readRaw,
    async [Symbol.asyncDispose]() {
      for (const store of opened) await store.close();
      await server.close();
      await behind[Symbol.asyncDispose]();
    },
  };
}
