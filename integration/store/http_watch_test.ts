/** What follows a store through a server: many by one watch, a store that begins anew, a server that does. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, renameSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { waitFor } from '../../lab/ready.ts';
import type { LeaseStore } from '../../src/store/contract.ts';
import { openHttpStore } from '../../src/store/http.ts';
import { fileHarness } from './file_harness.ts';
import { DAY_SECONDS, subnet, vxlanAttributes } from './fixtures.ts';
import { eventsOf, follow, snapshotCount } from './follow.ts';
import { serveForAll } from './http_harness.ts';
import { startProxy } from './tcp_proxy.ts';

test('http: many who follow share one watch of the store, and each hears of each change once', async () => {
  await using harness = fileHarness();
  const behind = await harness.open();
  let watches = 0;
  const counted: LeaseStore = {
    ...behind,
    watch(from, signal) {
      watches += 1;
      return behind.watch(from, signal);
    },
  };
  const server = await serveForAll(counted);
  const remote = `127.0.0.1:${server.address.port}`;
  const stores = await Promise.all(Array.from({ length: 20 }, () => openHttpStore({ remote })));
  const { revision } = await behind.list();
  const followers = stores.map((store) => follow(store, revision));
  for (let index = 1; index <= 10; index++) {
    await behind.create(subnet(index), vxlanAttributes(index), DAY_SECONDS);
  }
  for (const follower of followers) {
    await follower.until(({ leases }) => leases.size === 10);
    assert.deepEqual([snapshotCount(follower), eventsOf(follower).length], [0, 10]);
  }
  assert.equal(watches, 1);
  for (const follower of followers) await follower.stop();
  for (const store of stores) await store.close();
  await server.close();
});

test('http: a store that was restored from a backup is told anew, to who waits and who does not', async () => {
  await using harness = fileHarness();
  const behind = await harness.open();
  await behind.create(subnet(1), vxlanAttributes(1), DAY_SECONDS);
  const backup = join(harness.folder, 'backup.db');
  const copy = new DatabaseSync(harness.path);
  copy.exec(`VACUUM INTO '${backup}'`);
  copy.close();
  const server = await serveForAll(behind);
  const remote = `127.0.0.1:${server.address.port}`;
  const store = await openHttpStore({ remote });
  const follower = follow(store, (await store.list()).revision);
  await store.create(subnet(2), vxlanAttributes(2), DAY_SECONDS);
  await follower.until(({ leases }) => leases.has('10.0.2.0/24'));
  const path = `http://${remote}/v1/_/leases?wait=0&next=`;
  const ask = async (cursor: string) => (await fetch(path + encodeURIComponent(cursor))).json();
  const told = (await ask('1')) as { cursor: string; events: unknown[] };
  assert.equal(told.events.length, 1);

  for (const side of ['-wal', '-shm']) {
    const file = harness.path + side;
    if (statSync(file, { throwIfNoEntry: false })) renameSync(file, `${file}.away`);
  }
  copyFileSync(backup, `${harness.path}.new`);
  renameSync(`${harness.path}.new`, harness.path);
  await follower.until((seen) => seen.leases.size === 0 || !seen.leases.has('10.0.2.0/24'));
  assert.equal(follower.updates.at(-1)?.type, 'snapshot');
  // The same revision, and another story.
  await behind.create(subnet(3), vxlanAttributes(3), DAY_SECONDS);
  const anew = (await ask(told.cursor)) as { snapshot?: { Subnet: string }[] };
  assert.deepEqual(
    anew.snapshot?.map(({ Subnet }) => Subnet),
    ['10.0.1.0/24', '10.0.3.0/24'],
  );
  await follower.stop();
  await store.close();
  await server.close();
});

test('http: calls and watches go on when the server is there again', async () => {
  await using harness = fileHarness();
  const behind = await harness.open();
  const first = await serveForAll(behind);
  const { port } = first.address;
  const store = await openHttpStore({ remote: `127.0.0.1:${port}` });
  const lease = (await store.create(subnet(1), vxlanAttributes(1), DAY_SECONDS)) ?? assert.fail();
  const follower = follow(store, lease.revision);
  await first.close();
  await follower.until(({ updates }) => updates.at(-1)?.type === 'unavailable');
  await assert.rejects(store.list(), { code: 'STORE_UNAVAILABLE', message: /ECONNREFUSED/ });
  await behind.create(subnet(2), vxlanAttributes(2), DAY_SECONDS);
  const second = await serveForAll(behind, port);
  await follower.until(({ leases }) => leases.size === 2);
  assert.deepEqual(
    follower.updates.map(({ type }) => type),
    ['unavailable', 'snapshot'],
  );
  assert(await store.renew(lease, vxlanAttributes(1), DAY_SECONDS));
  await follower.until((seen) => eventsOf(seen).length === 1);
  await follower.stop();
  await store.close();
  await second.close();
});

test('http: a server that answers at once, for ever, is asked ever more rarely', async () => {
  const askedAt: number[] = [];
  const server = createServer((_request, response) => {
    askedAt.push(performance.now());
    response.end('{"events":[],"revision":1,"cursor":"1"}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const store = await openHttpStore({ remote: `127.0.0.1:${port}` });
  const follower = follow(store, 1);
  await waitFor('seven requests', () => askedAt.length >= 7);
  assert(Number(askedAt[6]) - Number(askedAt[0]) > 700, `${askedAt}`);
  await follower.stop();
  await store.close();
  server.close();
});

test('http: what answers, and is no server of ours, is named; nobody in time, too', async () => {
  const server = createServer((request, response) => {
    if (request.url?.endsWith('/config')) return void response.end('{}');
    if (request.url?.endsWith('/leases')) return void response.end('<html>');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const store = await openHttpStore({ remote: `127.0.0.1:${port}` });
  await assert.rejects(store.list(), { code: 'STORE_FAILED', message: /not JSON/ });
  const startedAt = performance.now();
  await assert.rejects(store.get(subnet(1)), {
    ...{ code: 'STORE_UNAVAILABLE', message: /no answer within 8 s/ },
  });
  assert(performance.now() - startedAt < 10_000);
  await store.close();
  server.closeAllConnections();
  server.close();
});

test('http: a write whose answer is lost counts, and is not made twice', async () => {
  await using harness = fileHarness();
  const behind = await harness.open();
  // Writes, and then the connection is gone before it is answered.
  let loses = false;
  const losing: LeaseStore = {
    ...behind,
    async create(...lease) {
      const created = await behind.create(...lease);
      if (loses) proxy.cut();
      loses = false;
      return created;
    },
  };
  const server = await serveForAll(losing);
  await using proxy = await startProxy(server.address.port);
  const store = await openHttpStore({ remote: new URL(proxy.url).host });
  loses = true;
  const lease = await store.create(subnet(1), vxlanAttributes(1), DAY_SECONDS);
  assert.deepEqual(lease?.attributes, vxlanAttributes(1));
  assert.equal(lease?.revision, 1, 'once');
  loses = true;
  assert.equal(await store.create(subnet(1), vxlanAttributes(2), DAY_SECONDS), null, 'another’s');
  assert.equal(loses, false);
  await store.close();
  await server.close();
});
