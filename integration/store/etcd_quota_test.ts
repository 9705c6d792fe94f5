import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TartanError } from '../../src/errors.ts';
import { etcdHarness } from './etcd_harness.ts';
import { startEtcd } from './etcd_server.ts';
import { fillUp, makeRoom, SMALL_QUOTA } from './etcd_space.ts';
import { DAY_SECONDS, subnet, vxlanAttributes } from './fixtures.ts';
import { follow } from './follow.ts';

test('etcd: full, it says what to do; reads and removals go on, and so do writes once there is room', async () => {
  await using server = await startEtcd({ flags: SMALL_QUOTA });
  await using harness = etcdHarness(server);
  const store = await harness.open();
  const create = (index: number) =>
    store.create(subnet(index), vxlanAttributes(index), DAY_SECONDS);
  const [first, second] = [await create(1), await create(2)];
  assert.ok(first && second);
  const grants = () => server.etcdctl(['lease', 'list']);
  const grantsBefore = await grants();
  const follower = follow(store, second.revision);
  await fillUp(server);

  const isFull = (error: TartanError) => {
    assert.equal(error.code, 'STORE_FAILED');
    assert.match(error.message, /^etcd http:\S+: etcdserver: mvcc: database space exceeded$/);
    assert.match(error.hint, /compact, defragment, and disarm the alarm/);
    return true;
  };
  await assert.rejects(create(3), isFull);
  await assert.rejects(store.renew(first, vxlanAttributes(1), DAY_SECONDS), isFull);
  await assert.rejects(store.convert(first, 'never'), isFull);
  await assert.rejects(store.writeConfig('{}', null), isFull);
  assert.equal(await grants(), grantsBefore, 'what was granted for nothing is given back');
  assert.deepEqual(
    (await store.list()).leases.map(({ revision }) => revision),
    [first.revision, second.revision],
  );
  assert.ok((await store.get(subnet(1)))?.expiresAt instanceof Date);
  assert.equal(await store.remove(second), true);
  await follower.until(({ updates }) => updates.length > 0);

  await makeRoom(server);
  assert.ok(await store.renew(first, vxlanAttributes(1), DAY_SECONDS));
  assert.ok(await create(3));
  await follower.until(({ leases }) => leases.has('10.0.3.0/24'));
  await follower.stop();
});
