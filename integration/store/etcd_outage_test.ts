import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { formatPrefix } from '../../src/net/prefix.ts';
import type { LeaseStore } from '../../src/store/contract.ts';
import { openEtcdStore } from '../../src/store/etcd.ts';
import { etcdHarness } from './etcd_harness.ts';
import { type EtcdServer, freePorts, startEtcd } from './etcd_server.ts';
import { DAY_SECONDS, seededRandom, subnet, vxlanAttributes } from './fixtures.ts';
import { eventsOf, type Follower, follow, putRevisions, snapshotCount } from './follow.ts';
import { startProxy } from './tcp_proxy.ts';

const SEED = 4_711;

let server: EtcdServer;
before(async () => {
  server = await startEtcd();
});
after(async () => {
  await server[Symbol.asyncDispose]();
});

/** A watch through a proxy, and a store that goes round it. */
async function startBrokenWatch() {
  const stack = new AsyncDisposableStack();
  const harness = stack.use(etcdHarness(server));
  const proxy = stack.use(await startProxy(server.port));
  const direct = await harness.open();
  const watching = await openEtcdStore({ endpoints: [proxy.url], prefix: harness.prefix });
  stack.defer(() => watching.close());
  const follower = follow(watching, (await direct.list()).revision);
  stack.defer(() => follower.stop());
  await direct.create(subnet(60_000), vxlanAttributes(1), DAY_SECONDS);
  await follower.until(({ leases }) => leases.size === 1);
  return { proxy, direct, watching, follower, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

function isUnavailable({ updates }: Follower): boolean {
  return updates.at(-1)?.type === 'unavailable';
}

/** Forgets all history: a watch that was to go on from before now cannot. */
async function compactNow(store: LeaseStore): Promise<void> {
  const { revision } = await store.list();
  // Nothing has happened since the last time: etcd calls that an error.
  await server.etcdctl(['compact', String(revision)]).catch(() => undefined);
}

test(`etcd: connections cut and history compacted at random during a burst lose nothing, repeat nothing (seed ${SEED})`, async () => {
  await using broken = await startBrokenWatch();
  const { direct, follower, proxy } = broken;
  const random = seededRandom(SEED);
  let isWriting = true;
  const cutting = (async () => {
    for (let cuts = 0; isWriting || cuts < 10; cuts++) {
      await delay(random() * 120);
      proxy.cut();
      if (random() < 0.3) await compactNow(direct);
    }
  })();
  const writing = Array.from({ length: 4 }, async (_, part) => {
    for (let index = part; index < 300; index += 4) {
      const lease = await direct.create(subnet(index), vxlanAttributes(index), DAY_SECONDS);
      if (lease && index % 3 === 0) await direct.remove(lease);
    }
  });
  await Promise.all(writing);
  isWriting = false;
  await cutting;
  const last = await direct.create(subnet(999), vxlanAttributes(999), DAY_SECONDS);

  await follower.until(({ leases }) => leases.get('10.3.231.0/24')?.revision === last?.revision);
  const truth = (await direct.list()).leases.map((lease) => [
    formatPrefix(lease.subnet),
    lease.revision,
  ]);
  const known = [...follower.leases].map(([subnet, lease]) => [subnet, lease.revision]);
  assert.deepEqual(known.sort(), truth.sort());
  assert.ok(snapshotCount(follower) >= 3, `${snapshotCount(follower)} snapshots`);
  const revisions = putRevisions(follower);
  assert.deepEqual(
    revisions,
    [...new Set(revisions)].sort((a, b) => a - b),
    'once, in order',
  );
  let at = 0;
  for (const update of follower.updates) {
    if (update.type === 'unavailable') continue;
    const revision = update.type === 'snapshot' ? update.snapshot.revision : update.revision;
    assert.ok(revision >= at, `${update.type} ${revision} after ${at}`);
    if (update.type === 'events') {
      for (const event of update.events) {
        if (event.type === 'put') assert.ok(event.lease.revision > at, 'no event from before');
      }
    }
    at = revision;
  }
});

test('etcd: an outage with compaction ends in one snapshot, without a storm', async () => {
  await using broken = await startBrokenWatch();
  const { direct, follower, proxy } = broken;
  proxy.mode = 'refuse';
  proxy.cut();
  await follower.until(isUnavailable);
  for (let index = 0; index < 5; index++) {
    await direct.create(subnet(index), vxlanAttributes(index), DAY_SECONDS);
  }
  const { revision } = await direct.list();
  await server.etcdctl(['compact', String(revision)]);
  const connectionsBefore = proxy.connections;
  await delay(2_000);
  const tried = proxy.connections - connectionsBefore;
  assert.ok(tried <= 20, `${tried} connections in 2 s of outage`);
  proxy.mode = 'pass';
  await follower.until(({ leases }) => leases.size === 6);
  assert.deepEqual(
    follower.updates.map(({ type }) => type),
    ['events', 'unavailable', 'snapshot'],
  );
  await direct.create(subnet(7), vxlanAttributes(7), DAY_SECONDS);
  await follower.until((seen) => eventsOf(seen).length === 2);
});

test('etcd: a watch from a compacted revision gets a snapshot, then events', async () => {
  await using harness = etcdHarness(server);
  const store = await harness.open();
  const first = await store.create(subnet(1), vxlanAttributes(1), DAY_SECONDS);
  const second = await store.create(subnet(2), vxlanAttributes(2), DAY_SECONDS);
  await server.etcdctl(['compact', String(second?.revision)]);
  const follower = follow(store, (first?.revision ?? 0) - 1);
  await follower.until(({ leases }) => leases.size === 2);
  await store.create(subnet(3), vxlanAttributes(3), DAY_SECONDS);
  await follower.until(({ leases }) => leases.size === 3);
  assert.deepEqual(
    follower.updates.map(({ type }) => type),
    ['snapshot', 'events'],
  );
  await follower.stop();
});

test('etcd: a server that was away and comes back is followed again', async () => {
  await using own = await startEtcd();
  await using harness = etcdHarness(own);
  const store = await harness.open();
  const follower = follow(store, (await store.list()).revision);
  await store.create(subnet(1), vxlanAttributes(1), DAY_SECONDS);
  await follower.until(({ leases }) => leases.size === 1);
  await own.kill();
  await follower.until(isUnavailable);
  const startedAt = performance.now();
  await assert.rejects(store.list(), { code: 'STORE_UNAVAILABLE', exitCode: 75 });
  assert.ok(performance.now() - startedAt < 2_000, 'refused: at once');
  await own.restart();
  await follower.until(({ updates }) => updates.at(-1)?.type === 'snapshot', 12_000);
  await store.create(subnet(2), vxlanAttributes(2), DAY_SECONDS);
  await follower.until(({ leases }) => leases.size === 2);
  await follower.stop();
});

test('etcd: what was written although its answer was lost counts as written', async () => {
  await using harness = etcdHarness(server);
  await using proxy = await startProxy(server.port);
  const store = await openEtcdStore({ endpoints: [proxy.url], prefix: harness.prefix });
  for (let index = 0; index < 24; index++) {
    await store.list();
    proxy.cutAtAnswer(1 + (index % 6));
    const lease = await store.create(subnet(index), vxlanAttributes(index), DAY_SECONDS);
    assert.ok(lease, `lease ${index} was created by nobody else`);
    proxy.cutAtAnswer(1 + (index % 4));
    const renewed = await store.renew(lease, vxlanAttributes(index + 1), DAY_SECONDS);
    assert.ok(renewed, `lease ${index} was renewed by nobody else`);
    proxy.cutAtAnswer(1 + (index % 4));
    const reserved = await store.convert(renewed, 'never');
    assert.ok(reserved, `lease ${index} was converted by nobody else`);
    proxy.cutAtAnswer(1 + (index % 3));
    assert.equal(await store.remove(reserved), true);
    proxy.cutAtAnswer(0);
  }
  assert.deepEqual((await store.list()).leases, []);
  await store.close();
});

test('etcd: nobody there is told at once, with the endpoints', async () => {
  const ports = await freePorts();
  const endpoints = ports.map((port) => `http://127.0.0.1:${port}`);
  for (const some of [endpoints, endpoints.slice(1)]) {
    const store = await openEtcdStore({ endpoints: some });
    const startedAt = performance.now();
    await assert.rejects(store.readConfig(), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'STORE_UNAVAILABLE');
      for (const endpoint of some) assert.ok(error.message.includes(endpoint), error.message);
      return true;
    });
    assert.ok(performance.now() - startedAt < 1_500);
    await store.close();
  }
});

test('etcd: one who listens and never answers is given up within 10 s', async () => {
  await using proxy = await startProxy(server.port);
  proxy.mode = 'silent';
  const store = await openEtcdStore({ endpoints: [proxy.url] });
  const startedAt = performance.now();
  await assert.rejects(store.create(subnet(1), vxlanAttributes(1), 60), {
    code: 'STORE_UNAVAILABLE',
    message: /^etcd http:\/\/127\.0\.0\.1:\d+\S* cannot be reached: it does not answer in time$/,
  });
  await store.close();
  assert.ok(performance.now() - startedAt < 10_000);
});

test('etcd: of several endpoints one that works is enough', async () => {
  await using harness = etcdHarness(server);
  await using silent = await startProxy(server.port);
  silent.mode = 'silent';
  const [dead] = await freePorts();
  const endpoints = [`http://127.0.0.1:${dead}`, silent.url, server.url];
  const store = await openEtcdStore({ endpoints, prefix: harness.prefix });
  const startedAt = performance.now();
  assert.ok(await store.create(subnet(1), vxlanAttributes(1), DAY_SECONDS));
  assert.ok(performance.now() - startedAt < 4_000, 'the silent one costs one try at most');
  const again = performance.now();
  const follower = follow(store, 0);
  await follower.until(({ leases }) => leases.size === 1);
  assert.ok(performance.now() - again < 500, 'the one that answered is asked first from now on');
  await follower.stop();
  await store.close();
});
