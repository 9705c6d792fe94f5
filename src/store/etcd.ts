import type { IKeyValue, IPutRequest } from 'etcd3/lib/rpc.js';
import { encodeAttributes, encodeSubnetKey } from '../lease/codec.ts';
import type { Lease, LeaseAttributes } from '../lease/lease.ts';
import type { Prefix } from '../net/prefix.ts';
import type { LeaseStore, TtlSeconds } from './contract.ts';
import { createEtcdClient, type EtcdCaller } from './etcd_client.ts';
import {
  type EtcdGrant,
  grantLease,
  readExpiry,
  readLiveExpiry,
  revokeLease,
} from './etcd_grant.ts';
import { entryOf, listSubnets } from './etcd_list.ts';
import type { EtcdStoreOptions } from './etcd_options.ts';
import { swapKey } from './etcd_swap.ts';
import { watchEtcd } from './etcd_watch.ts';
import { DEFAULT_PREFIX, keyLayout, readEntry } from './keys.ts';

/**
 * Opens a store in etcd (v3 API), with flannel's keys and values. Nothing is sent before the first call.
 *
 * Round trips: readConfig and writeConfig 1 · list 1 for each 2,000 leases · get 2 · complete 1 · create 2, or 3 when the race is
 * lost · renew and convert 3 · remove 2. With a user one more, once, for the token.
 * @throws TartanError `USAGE` for an endpoint that is none, `FILE` for certificates that cannot be read
 */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<LeaseStore> {
  const layout = keyLayout(options.prefix ?? DEFAULT_PREFIX);
  const client = createEtcdClient(options);
  const closing = new AbortController();

  const subnetKey = (subnet: Prefix) => layout.subnets + encodeSubnetKey(subnet);

  async function readKey(caller: EtcdCaller, key: string): Promise<IKeyValue | null> {
    const answer = await caller.call(({ kv }, { deadline }) =>
      kv.range({ key: Buffer.from(key) }, { deadline }),
    );
    return answer.kvs[0] ?? null;
  }

  /**
   * Writes a lease's key if it still is at `revision` (0: absent); the grant does not outlive a failure.
   * @param value null: what stands there
   */
  async function putLease(
    caller: EtcdCaller,
    { subnet, attributes }: Pick<Lease, 'subnet' | 'attributes'>,
    { revision, ttl, value }: { revision: number; ttl: TtlSeconds; value: string | null },
  ): Promise<Lease | null> {
    const key = subnetKey(subnet);
    const grant = await grantLease(caller, ttl);
    const written = await swapKey(caller, {
      key,
      revision,
      operation: { request_put: putRequest(key, value, grant) },
      isOurs: (found) =>
        found !== null &&
        found.lease === grant.id &&
        (value === null || found.value.toString() === value),
    }).catch(async (error: unknown) => {
      await revokeLease(caller, grant);
      throw error;
    });
    if (written === null) {
      await revokeLease(caller, grant);
      return null;
    }
    const { expiresAt, id: handle } = grant;
    return { subnet, attributes, expiresAt, revision: written, handle };
  }

  async function get(subnet: Prefix): Promise<Lease | null> {
    const caller = client.begin();
    const found = await readKey(caller, subnetKey(subnet));
    if (found === null) return null;
    const read = readEntry(layout, entryOf(found));
    if (!('lease' in read)) return null;
    return { ...read.lease, expiresAt: await readExpiry(caller, found.lease) };
  }

  /** The same for a key that is there: what it hung on goes. */
  async function replaceLease(
    lease: Lease,
    attributes: LeaseAttributes,
    { ttl, value }: { ttl: TtlSeconds; value: string | null },
  ): Promise<Lease | null> {
    const caller = client.begin();
    const { subnet, revision, handle } = lease;
    const replaced = await putLease(caller, { subnet, attributes }, { revision, ttl, value });
    if (replaced !== null && handle !== undefined) await revokeLease(caller, { id: handle });
    return replaced;
  }

  return {
    description: describeEtcd(client.description, options.prefix),

    async readConfig() {
      const found = await readKey(client.begin(), layout.config);
      return found && { text: found.value.toString(), revision: Number(found.mod_revision) };
    },

    async writeConfig(text, expected) {
      const put = { key: Buffer.from(layout.config), value: Buffer.from(text) };
      const written = await swapKey(client.begin(), {
        key: layout.config,
        revision: expected?.revision ?? 0,
        operation: { request_put: put },
        isOurs: (found) => found?.value.toString() === text,
      });
      return written !== null;
    },

    list: () => listSubnets(client.begin(), layout),

    get,

    async complete(lease) {
      const { handle, subnet } = lease;
      const expiresAt = handle === undefined ? null : await readLiveExpiry(client.begin(), handle);
      // Somebody has renewed it since, perhaps: then it hangs on another grant.
      return expiresAt === null ? get(subnet) : { ...lease, expiresAt };
    },

    create(subnet, attributes, ttl) {
      const value = encodeAttributes(attributes);
      return putLease(client.begin(), { subnet, attributes }, { revision: 0, ttl, value });
    },

    renew(lease, attributes, ttlSeconds) {
      const ttl = lease.expiresAt === 'never' ? 'never' : ttlSeconds;
      return replaceLease(lease, attributes, { ttl, value: encodeAttributes(attributes) });
    },

    convert: (lease, ttl) => replaceLease(lease, lease.attributes, { ttl, value: null }),

    async remove(lease) {
      const caller = client.begin();
      const key = subnetKey(lease.subnet);
      const removed = await swapKey(caller, {
        key,
        revision: lease.revision,
        operation: { request_delete_range: { key: Buffer.from(key) } },
        isOurs: (found) => found === null,
      });
      if (removed !== null && lease.handle !== undefined) {
        await revokeLease(caller, { id: lease.handle });
      }
      return removed !== null;
    },

    watch: (from, signal) =>
      watchEtcd({ client, layout, from, signal: AbortSignal.any([signal, closing.signal]) }),

    reconnect: () => client.reconnect(),

    async close() {
      closing.abort();
      client.close();
    },
  };
}

/** With the prefix, unless that is flannel's own: who looks under another finds other leases. */
function describeEtcd(servers: string, prefix = DEFAULT_PREFIX): string {
  const root = prefix.replace(/\/+$/, '');
  return root === DEFAULT_PREFIX ? servers : `${servers}, under ${root}`;
}

function putRequest(key: string, value: string | null, grant: EtcdGrant): IPutRequest {
  const what = value === null ? { ignore_value: true } : { value: Buffer.from(value) };
  return { key: Buffer.from(key), ...what, lease: grant.id };
}
