import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TartanError } from '../../src/errors.ts';
import type { Lease } from '../../src/lease/lease.ts';
import { formatPrefix } from '../../src/net/prefix.ts';
import { openEtcdStore } from '../../src/store/etcd.ts';
import { startCluster } from './etcd_cluster.ts';
import { DAY_SECONDS, subnet, vxlanAttributes } from './fixtures.ts';
import { follow, snapshotCount } from './follow.ts';

const WRITERS = 4;
const LEASES_EACH = 30;

test('etcd: a cluster that loses its leader during a burst, and then its quorum', async () => {
  await using cluster = await startCluster();
  const stores = await Promise.all(
    Array.from({ length: WRITERS }, () => openEtcdStore({ endpoints: cluster.urls })),
  );
  await using closing = new AsyncDisposableStack();
  for (const store of stores) closing.defer(() => store.close());
  const [store] = stores;
  assert.ok(store);
  const follower = follow(store, (await store.list()).revision);
  closing.defer(() => follower.stop());

  const created: Lease[] = [];
  const halfway = Promise.withResolvers<void>();
  const writing = stores.map(async (own, writer) => {
    for (let n = 0; n < LEASES_EACH; n++) {
      const index = writer * LEASES_EACH + n;
      const lease = await own.create(subnet(index), vxlanAttributes(index), DAY_SECONDS);
      assert.ok(lease, `lease ${index} was created by nobody else`);
      created.push(lease);
      if (created.length === (WRITERS * LEASES_EACH) / 2) halfway.resolve();
    }
  });
  await halfway.promise;
  const leader = await cluster.leader();
  await leader.kill();
  await Promise.all(writing);

  const { leases } = await store.list();
  const truth = new Map(leases.map((lease) => [formatPrefix(lease.subnet), lease.revision]));
  assert.deepEqual(
    [...truth].sort(),
    created.map((lease) => [formatPrefix(lease.subnet), lease.revision] as const).sort(),
  );
  await follower.until(({ leases }) => leases.size === truth.size, 15_000);
  for (const [name, lease] of follower.leases) assert.equal(lease.revision, truth.get(name));

  const told = follower.updates.length;
  const [second, third] = cluster.members.filter((member) => member !== leader);
  assert.ok(second && third);
  await second.kill();
  const startedAt = performance.now();
  const isAway = (error: TartanError) => {
    assert.deepEqual([error.code, error.exitCode], ['STORE_UNAVAILABLE', 75], error.message);
    for (const url of cluster.urls) assert.ok(error.message.includes(url), error.message);
    assert.match(error.hint, /try again/);
    return true;
  };
  await Promise.all([
    assert.rejects(store.list(), isAway),
    assert.rejects(store.create(subnet(999), vxlanAttributes(999), DAY_SECONDS), isAway),
    assert.rejects(store.renew(created[0] ?? assert.fail(), vxlanAttributes(0), 60), isAway),
  ]);
  assert.ok(performance.now() - startedAt < 10_000, `${performance.now() - startedAt} ms`);
  await follower.until(({ updates }) => updates.at(-1)?.type === 'unavailable', 30_000);
  assert.equal(follower.leases.size, truth.size, 'what was known stays');

  const snapshots = snapshotCount(follower);
  await Promise.all([leader.restart(), second.restart()]);
  await follower.until((seen) => snapshotCount(seen) > snapshots, 15_000);
  const later = await store.create(subnet(500), vxlanAttributes(500), DAY_SECONDS);
  assert.ok(later);
  await follower.until(({ leases }) => leases.has('10.1.244.0/24'));
  const sinceThen = follower.updates.slice(told).map(({ type }) => type);
  assert.equal(sinceThen.filter((type) => type === 'unavailable').length, 1, sinceThen.join());
});

test('etcd: a watch outlives each of its members, one after the other', async () => {
  await using cluster = await startCluster();
  const store = await openEtcdStore({ endpoints: cluster.urls });
  await using closing = new AsyncDisposableStack();
  closing.defer(() => store.close());
  const follower = follow(store, (await store.list()).revision);
  closing.defer(() => follower.stop());
  for (const [index, member] of cluster.members.entries()) {
    await member.kill();
    const lease = await store.create(subnet(index), vxlanAttributes(index), DAY_SECONDS);
    assert.ok(lease);
    await follower.until(({ leases }) => leases.size === index + 1, 15_000);
    await member.restart();
  }
  // It was on one of them.
  assert.ok(snapshotCount(follower) > 0);
  assert.deepEqual(
    [...follower.leases.values()].map(({ revision }) => revision),
    (await store.list()).leases.map(({ revision }) => revision),
  );
});
