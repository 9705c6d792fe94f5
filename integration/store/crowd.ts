/** Many nodes join at once: nobody goes without, and no two have the same. */
import assert from 'node:assert/strict';
import { type CrowdOptions, joinAtOnce } from '../../lab/crowd.ts';
import { formatPrefix } from '../../src/net/prefix.ts';
import type { LeaseStore } from '../../src/store/contract.ts';

const CONFIG = '{"Network":"10.0.0.0/8","SubnetLen":24,"Backend":{"Type":"vxlan"}}';

/** @returns how long it took, in ms */
export async function checkCrowd(
  store: LeaseStore,
  { spec, nodes }: Pick<CrowdOptions, 'spec' | 'nodes'>,
): Promise<number> {
  assert(await store.writeConfig(CONFIG, null));
  const { joined, milliseconds } = await joinAtOnce({ spec, nodes, processes: 3 });
  assert.deepEqual(
    joined.filter(({ subnet }) => subnet === null),
    [],
  );
  assert.equal(new Set(joined.map(({ number }) => number)).size, nodes);
  const { leases } = await store.list();
  assert.deepEqual(
    leases.map(({ subnet }) => formatPrefix(subnet)).sort(),
    joined.map(({ subnet }) => subnet).sort(),
    'each has what the store says, and nothing is left over',
  );
  assert.equal(new Set(leases.map(({ attributes }) => attributes.publicIp)).size, nodes);
  return milliseconds;
}
