import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatPrefix } from '../../src/net/prefix.ts';
import { etcdHarness } from './etcd_harness.ts';
import { startEtcd } from './etcd_server.ts';
import { DAY_SECONDS, subnet, vxlanAttributes } from './fixtures.ts';
import { follow } from './follow.ts';

test('etcd: restored from an older backup, its revisions count anew, and the watch knows what there is', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tartan-backup-'));
  try {
    await using server = await startEtcd();
    await using harness = etcdHarness(server);
    const store = await harness.open();
    const create = (index: number, attributes = vxlanAttributes(index)) =>
      store.create(subnet(index), attributes, DAY_SECONDS);
    const [kept, changed] = [await create(1), await create(2)];
    const backup = join(folder, 'backup.db');
    await server.etcdctl(['snapshot', 'save', backup]);
    for (let index = 10; index < 30; index++) await create(index);
    const renewed = await store.renew(changed ?? assert.fail(), vxlanAttributes(99), DAY_SECONDS);
    assert.equal(await store.remove(kept ?? assert.fail()), true);

    const follower = follow(store, (await store.list()).revision);
    const last = await create(30);
    await follower.until(({ leases }) => leases.size === 1);
    await server.restore(backup);
    await follower.until(({ updates }) => updates.at(-1)?.type === 'snapshot', 15_000);
    const snapshot = await store.list();
    assert.ok(snapshot.revision < (last?.revision ?? 0), 'backwards');
    assert.deepEqual([...follower.leases.keys()], ['10.0.1.0/24', '10.0.2.0/24']);
    assert.deepEqual(follower.leases.get('10.0.2.0/24')?.attributes, vxlanAttributes(2));

    // Nothing of the other time counts.
    assert.equal(await store.renew(renewed ?? assert.fail(), vxlanAttributes(2), 60), null);
    assert.equal(await store.remove(last ?? assert.fail()), false);
    await create(30, vxlanAttributes(31));
    await follower.until(({ leases }) => leases.size === 3);
    assert.deepEqual(
      [...follower.leases.values()].map(({ revision }) => revision).sort(),
      (await store.list()).leases.map(({ revision }) => revision).sort(),
    );
    assert.deepEqual(
      (await store.list()).leases.map((lease) => formatPrefix(lease.subnet)),
      ['10.0.1.0/24', '10.0.2.0/24', '10.0.30.0/24'],
    );
    await follower.stop();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
