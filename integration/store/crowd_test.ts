/** Many nodes join at once: nobody goes without, and no two have the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CrowdOptions, joinAtOnce } from '../../lab/crowd.ts';
import { formatPrefix } from '../../src/net/prefix.ts';
import type { LeaseStore } from '../../src/store/contract.ts';
import { etcdHarness } from './etcd_harness.ts';
import { startEtcd } from './etcd_server.ts';
import { fileHarness } from './file_harness.ts';

/** More nodes than the candidates that a first attempt picks among: most lose a race, and some several. */
const NODES = 150;
const CONFIG = '{"Network":"10.0.0.0/8","SubnetLen":24,"Backend":{"Type":"vxlan"}}';

async function check(store: LeaseStore, spec: CrowdOptions['spec']): Promise<void> {
  assert(await store.writeConfig(CONFIG, null));
  const { joined } = await joinAtOnce({ spec, nodes: NODES, processes: 3 });
  assert.deepEqual(
    joined.filter(({ subnet }) => subnet === null),
    [],
  );
  assert.equal(new Set(joined.map(({ number }) => number)).size, NODES);
  const { leases } = await store.list();
  assert.deepEqual(
    leases.map(({ subnet }) => formatPrefix(subnet)).sort(),
    joined.map(({ subnet }) => subnet).sort(),
    'each has what the store says, and nothing is left over',
  );
  assert.equal(new Set(leases.map(({ attributes }) => attributes.publicIp)).size, NODES);
}

test(`file: ${NODES} nodes at once`, async () => {
  await using harness = fileHarness();
  await check(await harness.open(), `file:${harness.path}`);
});

test(`etcd: ${NODES} nodes at once`, async () => {
  await using server = await startEtcd();
  await using harness = etcdHarness(server);
  await check(await harness.open(), `etcd:${server.url},${harness.prefix}`);
  // Whoever lost a race has given its grant back.
  const grants = (await server.etcdctl(['lease', 'list'])).split('\n').filter(Boolean);
  assert.equal(grants.length - 1, NODES);
});
