import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkCrowd } from './crowd.ts';
import { etcdHarness } from './etcd_harness.ts';
import { startEtcd } from './etcd_server.ts';
import { fileHarness } from './file_harness.ts';

/** More nodes than the candidates that a first attempt picks among: most lose a race, and some several. */
const NODES = 150;

test(`file: ${NODES} nodes at once`, async () => {
  await using harness = fileHarness();
  await checkCrowd(await harness.open(), { spec: `file:${harness.path}`, nodes: NODES });
});

test(`etcd: ${NODES} nodes at once`, async () => {
  await using server = await startEtcd();
  await using harness = etcdHarness(server);
  const spec = `etcd:${server.url},${harness.prefix}`;
  await checkCrowd(await harness.open(), { spec, nodes: NODES });
  // Whoever lost a race has given its grant back.
  const grants = (await server.etcdctl(['lease', 'list'])).split('\n').filter(Boolean);
  assert.equal(grants.length - 1, NODES);
});
