/** Many nodes join at once through one server: in time, too. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkCrowd } from './crowd.ts';
import { etcdHarness } from './etcd_harness.ts';
import { startEtcd } from './etcd_server.ts';
import { fileHarness } from './file_harness.ts';
import { serveForAll } from './http_harness.ts';

const NODES = 100;
const LIMIT_MS = 5_000;

for (const behind of ['file', 'etcd'] as const) {
  test(`http in front of ${behind}: ${NODES} nodes at once, within ${LIMIT_MS} ms`, async (t) => {
    await using etcd = behind === 'etcd' ? await startEtcd() : null;
    await using harness = etcd === null ? fileHarness() : etcdHarness(etcd);
    const store = await harness.open();
    const server = await serveForAll(store);
    const spec = `http:127.0.0.1:${server.address.port}`;
    const milliseconds = await checkCrowd(store, { spec, nodes: NODES }).finally(server.close);
    t.diagnostic(`${Math.round(milliseconds)} ms`);
    assert(milliseconds <= LIMIT_MS, `${milliseconds} ms`);
  });
}
