import { randomUUID } from 'node:crypto';
import type { LeaseStore } from '../../src/store/contract.ts';
import { openEtcdStore } from '../../src/store/etcd.ts';
import type { StoreHarness } from './contract_harness.ts';
import type { EtcdServer } from './etcd_server.ts';

/** A prefix of its own in a running etcd. */
export function etcdHarness(server: EtcdServer): StoreHarness & { readonly prefix: string } {
  const prefix = `/${randomUUID()}/network`;
  const opened: LeaseStore[] = [];
  return {
    prefix,
    async open() {
      const store = await openEtcdStore({ endpoints: [server.url], prefix });
      opened.push(store);
      return store;
    },
    async putRaw(key, value) {
      await server.etcdctl(['put', `${prefix}/subnets/${key}`], value);
    },
    async removeRaw(key) {
      await server.etcdctl(['del', `${prefix}/subnets/${key}`]);
    },
    async readRaw(key) {
      const found = JSON.parse(
        await server.etcdctl(['get', `${prefix}/${key}`, '--write-out', 'json']),
      ) as { kvs?: { value?: string }[] };
      const entry = found.kvs?.[0];
      return entry ? Buffer.from(entry.value ?? '', 'base64').toString() : null;
    },
    async [Symbol.asyncDispose]() {
      for (const store of opened) await store.close();
      await server.etcdctl(['del', '--prefix', prefix]);
    },
  };
}
