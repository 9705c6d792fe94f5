import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { testContract } from './contract.ts';
import { etcdHarness } from './etcd_harness.ts';
import { type EtcdServer, startEtcd } from './etcd_server.ts';
import { DAY_SECONDS, subnet, vxlanAttributes } from './fixtures.ts';
import { follow } from './follow.ts';

let server: EtcdServer;
before(async () => {
  server = await startEtcd();
});
after(async () => {
  await server[Symbol.asyncDispose]();
});

testContract('etcd', async () => etcdHarness(server));

async function grantCount(): Promise<number> {
  const listed = JSON.parse(await server.etcdctl(['lease', 'list', '--write-out', 'json'])) as {
    leases?: unknown[];
  };
  return listed.leases?.length ?? 0;
}

test('etcd: no etcd lease outlives its use', async () => {
  await using harness = etcdHarness(server);
  const store = await harness.open();
  const before = await grantCount();
  const lease = (await store.create(subnet(1), vxlanAttributes(1), DAY_SECONDS)) ?? assert.fail();
  assert.equal(await store.create(subnet(1), vxlanAttributes(2), DAY_SECONDS), null);
  assert.equal((await grantCount()) - before, 1, 'after a lost race');
  const renewed = await store.renew(lease, vxlanAttributes(1), DAY_SECONDS);
  assert.equal((await grantCount()) - before, 1, 'after a renewal');
  assert.equal(await store.renew(lease, vxlanAttributes(1), DAY_SECONDS), null);
  assert.equal((await grantCount()) - before, 1, 'after a lost renewal');
  const reserved = await store.convert(renewed ?? assert.fail(), 'never');
  assert.equal((await grantCount()) - before, 0, 'of a reservation');
  const released = await store.convert(reserved ?? assert.fail(), DAY_SECONDS);
  assert.equal((await grantCount()) - before, 1, 'of a lease again');
  assert.equal(await store.convert(renewed ?? assert.fail(), DAY_SECONDS), null);
  assert.equal((await grantCount()) - before, 1, 'after a lost conversion');
  assert.equal(await store.remove(released ?? assert.fail()), true);
  assert.equal((await grantCount()) - before, 0, 'after the removal');
});

test('etcd: list and events know who has no TTL, and get asks for it', async () => {
  await using harness = etcdHarness(server);
  const store = await harness.open();
  const follower = follow(store, (await store.list()).revision);
  await store.create(subnet(1), vxlanAttributes(1), 500);
  await harness.putRaw('10.0.2.0-24', '{"PublicIP":"192.168.64.3"}');
  await follower.until(({ leases }) => leases.size === 2);
  const listed = (await store.list()).leases.map((lease) => lease.expiresAt);
  assert.deepEqual(listed, ['unknown', 'never']);
  assert.deepEqual(
    [...follower.leases.values()].map((lease) => lease.expiresAt),
    listed,
  );
  const { expiresAt } = (await store.get(subnet(1))) ?? assert.fail();
  assert.ok(
    expiresAt instanceof Date && Math.abs(expiresAt.getTime() - Date.now() - 500_000) < 2_000,
  );
  await follower.stop();
});

test('etcd: a lease that etcdctl revokes is told as removed', async () => {
  await using harness = etcdHarness(server);
  const store = await harness.open();
  const lease = (await store.create(subnet(1), vxlanAttributes(1), DAY_SECONDS)) ?? assert.fail();
  const follower = follow(store, lease.revision);
  await server.etcdctl(['lease', 'revoke', BigInt(lease.handle ?? 0).toString(16)]);
  await follower.until(({ updates }) => updates.length > 0);
  assert.equal(await store.renew(lease, vxlanAttributes(1), DAY_SECONDS), null);
  await follower.stop();
});

test('etcd: two networks in one etcd do not see each other', async () => {
  await using one = etcdHarness(server);
  await using two = etcdHarness(server);
  const [first, second] = [await one.open(), await two.open()];
  const follower = follow(second, (await second.list()).revision);
  await first.create(subnet(1), vxlanAttributes(1), DAY_SECONDS);
  await second.create(subnet(2), vxlanAttributes(2), DAY_SECONDS);
  await follower.until(({ leases }) => leases.size > 0);
  assert.deepEqual([...follower.leases.keys()], ['10.0.2.0/24']);
  await follower.stop();
});

test('etcd: a one-shot process ends at once, closed or not', async () => {
  await using harness = etcdHarness(server);
  for (const closes of [true, false]) {
    const script = `
      const { openEtcdStore } = await import(${JSON.stringify(new URL('../../src/store/etcd.ts', import.meta.url).pathname)});
      const store = await openEtcdStore(${JSON.stringify({ endpoints: [server.url], prefix: harness.prefix })});
      await store.list();
      if (${closes}) await store.close();
      process.stdout.write('done');`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    await once(child.stdout, 'data');
    const doneAt = performance.now();
    assert.deepEqual((await exited)[0], 0);
    assert.ok(
      performance.now() - doneAt < 500,
      `${performance.now() - doneAt} ms, closes: ${closes}`,
    );
  }
});
