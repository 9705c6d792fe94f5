/**
 * A process of its own that creates leases: `writer.ts SPEC FIRST COUNT`, SPEC as in lab/store_at.ts.
 * It opens the store, prints `ready`, waits for a line, and prints `INDEX REVISION NANOSECONDS` (of the monotonic
 * clock) after each lease that the store has acknowledged. A subnet that is taken already is passed over.
 */
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { openStoreAt } from '../../lab/store_at.ts';
import { DAY_SECONDS, subnet, vxlanAttributes } from './fixtures.ts';

const [spec = '', first, count] = process.argv.slice(2);
const store = await openStoreAt(spec);
await store.list();
writeSync(1, 'ready\n');
await once(process.stdin, 'data');
for (let index = Number(first); index < Number(first) + Number(count); index++) {
  const lease = await store.create(subnet(index), vxlanAttributes(index), DAY_SECONDS);
  if (lease) writeSync(1, `${index} ${lease.revision} ${process.hrtime.bigint()}\n`);
}
await store.close();
process.stdin.destroy();
