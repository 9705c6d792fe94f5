/** Which networks a store has: of what lies under a prefix, all and only those that have a config. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openEtcdNetworks } from '../../src/store/etcd_networks.ts';
import { openFileStore } from '../../src/store/file.ts';
import { networkFile, openFileNetworks } from '../../src/store/file_networks.ts';
import { startEtcd } from './etcd_server.ts';

/** Names in the order of etcd's keys are not in that of names: `-` stands before `/`, `0` behind it. */
const THERE = ['blue', 'blue-2', 'blue0', 'Red', 'z'];

const NONE = [
  'config',
  'subnets/10.5.1.0-24',
  'subnets/config',
  'config/config',
  'empty/subnets/10.5.1.0-24',
  'a.b/config',
  'deep/er/config',
  'blue/subnets/10.5.1.0-24',
  'blue/subnets/10.5.2.0-24',
  `${'x'.repeat(33)}/config`,
  '/config',
];

test('etcd: those under the prefix, however many leases there are', async () => {
  await using server = await startEtcd();
  const networks = openEtcdNetworks({ endpoints: [server.url], prefix: '/fabric/' });
  assert.deepEqual(await networks.list(), []);
  const keys = [...THERE.map((name) => `${name}/config`), ...NONE];
  for (const key of keys) await server.etcdctl(['put', `/fabric/${key}`, '{}']);
  await server.etcdctl(['put', '/fabric0/other/config', '{}']);
  await server.etcdctl(['put', '/fabric-2/other/config', '{}']);
  assert.deepEqual((await networks.list()).toSorted(), THERE.toSorted());
  await server.etcdctl(['del', '/fabric/blue/config']);
  assert.deepEqual((await networks.list()).toSorted(), THERE.slice(1).toSorted());
  await server.kill();
  await assert.rejects(networks.list(), { code: 'STORE_UNAVAILABLE' });
  await networks.close();
});

test('files: those of a folder that hold a config, or cannot be read', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tartan-networks-'));
  try {
    const networks = openFileNetworks(join(folder, 'stores'));
    await assert.rejects(networks.list(), { code: 'STORE_UNAVAILABLE', hint: /init-config/ });
    mkdirSync(join(folder, 'stores'));
    assert.deepEqual(await networks.list(), []);
    for (const name of ['blue', 'empty']) {
      const store = await openFileStore({ path: networkFile(join(folder, 'stores'), name) });
      if (name === 'blue') await store.writeConfig('{}', null);
      await store.close();
    }
    writeFileSync(networkFile(join(folder, 'stores'), 'damaged'), 'no database'.repeat(100));
    writeFileSync(networkFile(join(folder, 'stores'), 'a.b'), '');
    writeFileSync(join(folder, 'stores', 'notes.txt'), '');
    assert.deepEqual(await networks.list(), ['blue', 'damaged']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
