/**
 * A process of its own that creates leases: `writer.ts SPEC FIRST COUNT`, SPEC `file:PATH` or `etcd:URL,PREFIX`.
 * It opens the store, prints `ready`, waits for a line, and prints `INDEX REVISION NANOSECONDS` (of the monotonic
 * clock) after each lease that the store has acknowledged. A subnet that is taken already is passed over.
 */
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import type { LeaseStore } from '../../src/store/contract.ts';
import { DAY_SECONDS, subnet, vxlanAttributes } from './fixtures.ts';

async function openStore(spec: string): Promise<LeaseStore> {
  const [, kind, rest = ''] = /^(\w+):(.*)$/.exec(spec) ?? [];
  if (kind === 'file') {
    const { openFileStore } = await import('../../src/store/file.ts');
    return openFileStore({ path: rest });
  }
  const { openEtcdStore } = await import('../../src/store/etcd.ts');
  const [url = '', prefix = ''] = rest.split(',');
  return openEtcdStore({ endpoints: [url], prefix });
}

const [spec = '', first, count] = process.argv.slice(2);
const store = await openStore(spec);
await store.list();
writeSync(1, 'ready\n');
await once(process.stdin, 'data');
for (let index = Number(first); index < Number(first) + Number(count); index++) {
  const lease = await store.create(subnet(index), vxlanAttributes(index), DAY_SECONDS);
  if (lease) writeSync(1, `${index} ${lease.revision} ${process.hrtime.bigint()}\n`);
}
await store.close();
process.stdin.destroy();
