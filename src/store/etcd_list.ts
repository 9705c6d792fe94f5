import type { IKeyValue } from 'etcd3/lib/rpc.js';
import type { Snapshot } from './contract.ts';
import type { EtcdCaller } from './etcd_client.ts';
import { isCompacted } from './etcd_errors.ts';
import { type KeyLayout, type SubnetEntry, snapshotOf } from './keys.ts';

/** Leases a request: about 400 kB, a tenth of what gRPC servers and clients take by default. */
const PAGE_SIZE = 2_000;
/** How often a list is begun anew because its revision was compacted away under it. */
const RESTARTS = 3;

/** All leases at one revision, page by page. Their ends are not asked for: that would be a request for each. */
export async function listSubnets(caller: EtcdCaller, layout: KeyLayout): Promise<Snapshot> {
  for (let restart = 0; ; restart++) {
    try {
      return await listOnce(caller, layout);
    } catch (error) {
      if (!isCompacted(error) || restart === RESTARTS) throw error;
    }
  }
}

async function listOnce(caller: EtcdCaller, layout: KeyLayout): Promise<Snapshot> {
  const range_end = Buffer.from(layout.subnetsEnd);
  const entries: SubnetEntry[] = [];
  let key = Buffer.from(layout.subnets);
  // 0: the newest; from the second page on, the first page's.
  let revision = 0;
  for (;;) {
    const page = await caller.call(({ kv }, { deadline }) =>
      kv.range({ key, range_end, limit: PAGE_SIZE, revision }, { deadline }),
    );
    if (revision === 0) revision = Number(page.header.revision);
    for (const found of page.kvs) entries.push(entryOf(found));
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) return snapshotOf(layout, entries, revision);
    key = Buffer.concat([last.key, Buffer.of(0)]);
  }
}

/** A key as etcd tells of it. */
export function entryOf(found: IKeyValue): SubnetEntry {
  return {
    key: found.key.toString(),
    value: found.value.toString(),
    revision: Number(found.mod_revision),
    expiresAt: found.lease === '0' ? 'never' : 'unknown',
    handle: found.lease,
  };
}
