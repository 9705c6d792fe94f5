import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { encodeAttributes, encodeSubnetKey } from '../../src/lease/codec.ts';
import type { LeaseStore } from '../../src/store/contract.ts';
import { createEtcdClient } from '../../src/store/etcd_client.ts';
import { openFileDatabase } from '../../src/store/file_database.ts';
import { putEntry, removeEntries } from '../../src/store/file_records.ts';
import { etcdHarness } from './etcd_harness.ts';
import { type EtcdServer, startEtcd } from './etcd_server.ts';
import { fileHarness } from './file_harness.ts';
import { subnet, vxlanAttributes } from './fixtures.ts';
import { eventsOf, follow, putRevisions, snapshotCount } from './follow.ts';
import { writeAtOnce } from './writers.ts';

const PROCESSES = 4;
const LEASES_EACH = 50;
const TRANSACTION_SIZE = 125;

let server: EtcdServer;
before(async () => {
  server = await startEtcd();
});
after(async () => {
  await server[Symbol.asyncDispose]();
});

async function checkBurst(store: LeaseStore, spec: string): Promise<void> {
  const follower = follow(store, (await store.list()).revision);
  const acknowledged = await writeAtOnce(spec, PROCESSES, LEASES_EACH);
  assert.equal(acknowledged.length, PROCESSES * LEASES_EACH);
  await follower.until(({ leases }) => leases.size >= PROCESSES * LEASES_EACH);

  const revisions = putRevisions(follower);
  assert.deepEqual(
    revisions,
    acknowledged.map(({ revision }) => revision).sort((a, b) => a - b),
    'each once, in order',
  );
  assert.equal(snapshotCount(follower), 0);
  await follower.stop();
}

test('file: 200 leases from 4 processes at once are all seen, once and in order', async () => {
  await using harness = fileHarness();
  await checkBurst(await harness.open(), `file:${harness.path}`);
});

test('etcd: 200 leases from 4 processes at once are all seen, once and in order', async () => {
  await using harness = etcdHarness(server);
  await checkBurst(await harness.open(), `etcd:${server.url},${harness.prefix}`);
});

const BURST = 1_000;
const AT_ONCE = 50;

test(`etcd: ${BURST} leases at once are all seen, once and in order`, async () => {
  await using harness = etcdHarness(server);
  const store = await harness.open();
  const follower = follow(store, (await store.list()).revision);
  const client = createEtcdClient({ endpoints: [server.url] });
  await client.begin().call(({ kv }) => kv.range({ key: Buffer.from('x') }));
  const put = (index: number) => ({
    request_put: {
      key: Buffer.from(`${harness.prefix}/subnets/${encodeSubnetKey(subnet(index))}`),
      value: Buffer.from(encodeAttributes(vxlanAttributes(index))),
    },
  });
  // Each its own revision, as from as many nodes.
  const revisions = await Promise.all(
    Array.from({ length: AT_ONCE }, async (_, part) => {
      const own: number[] = [];
      for (let index = part; index < BURST; index += AT_ONCE) {
        const answer = await client.begin().call(({ kv }) => kv.txn({ success: [put(index)] }));
        own.push(Number(answer.header.revision));
      }
      return own;
    }),
  );
  client.close();
  await follower.until(({ leases }) => leases.size === BURST);
  assert.deepEqual(
    putRevisions(follower),
    revisions.flat().sort((a, b) => a - b),
  );
  assert.equal(snapshotCount(follower), 0);
  await follower.stop();
});

/** Each transaction must come as one batch, and whole. */
async function checkTransaction(
  store: LeaseStore,
  transact: (kind: 'put' | 'remove', keys: { key: string; value: string }[]) => Promise<void>,
): Promise<void> {
  const follower = follow(store, (await store.list()).revision);
  const keys = Array.from({ length: TRANSACTION_SIZE }, (_, index) => ({
    key: encodeSubnetKey(subnet(index)),
    value: encodeAttributes(vxlanAttributes(index)),
  }));
  await transact('put', keys);
  await follower.until(({ leases }) => leases.size > 0);
  assert.equal(follower.updates.length, 1);
  assert.equal(follower.leases.size, TRANSACTION_SIZE);
  await transact('remove', keys);
  await follower.until(({ updates }) => updates.length > 1);
  assert.equal(follower.leases.size, 0);
  assert.equal(eventsOf(follower).length, 2 * TRANSACTION_SIZE);
  await follower.stop();
}

test('file: 125 leases in one transaction are one batch', async () => {
  await using harness = fileHarness();
  const store = await harness.open();
  const database = await openFileDatabase(harness.path);
  const prefix = '/coreos.com/network/subnets/';
  await checkTransaction(store, (kind, keys) =>
    database.write((sql) => {
      if (kind === 'remove')
        return removeEntries(
          sql,
          keys.map(({ key }) => prefix + key),
          10_000,
        );
      for (const { key, value } of keys) {
        putEntry(sql, { key: prefix + key, value, expires_at: null }, 10_000);
      }
    }),
  );
  database.close();
});

test('etcd: 125 leases in one transaction are one batch', async () => {
  await using harness = etcdHarness(server);
  const store = await harness.open();
  const client = createEtcdClient({ endpoints: [server.url] });
  await checkTransaction(store, async (kind, keys) => {
    const operations = keys.map(({ key, value }) => {
      const name = Buffer.from(`${harness.prefix}/subnets/${key}`);
      return kind === 'put'
        ? { request_put: { key: name, value: Buffer.from(value) } }
        : { request_delete_range: { key: name } };
    });
    await client.begin().call(({ kv }) => kv.txn({ success: operations }));
  });
  client.close();
});

test('etcd: 4,100 leases are listed page by page, at one revision', async () => {
  await using harness = etcdHarness(server);
  const store = await harness.open();
  const client = createEtcdClient({ endpoints: [server.url] });
  const total = 4_100;
  for (let first = 0; first < total; first += 100) {
    const success = Array.from({ length: 100 }, (_, offset) => ({
      request_put: {
        key: Buffer.from(`${harness.prefix}/subnets/${encodeSubnetKey(subnet(first + offset))}`),
        value: Buffer.from(encodeAttributes(vxlanAttributes(first + offset))),
      },
    }));
    await client.begin().call(({ kv }) => kv.txn({ success }));
  }
  client.close();
  const { leases, revision } = await store.list();
  assert.equal(new Set(leases.map((lease) => lease.subnet.address)).size, total);
  assert.equal(revision, Math.max(...leases.map((lease) => lease.revision)));
});
