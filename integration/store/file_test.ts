import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { testContract } from './contract.ts';
import { fileHarness } from './file_harness.ts';
import { DAY_SECONDS, subnet, vxlanAttributes } from './fixtures.ts';
import { eventsOf, follow, snapshotCount } from './follow.ts';
import { startWriter } from './writers.ts';

testContract('file', async () => fileHarness());

test('file: another process’s lease is seen within 10 ms of its commit', async () => {
  await using harness = fileHarness();
  const store = await harness.open();
  const { revision } = await store.list();
  const seenAtNs = new Map<number, bigint>();
  const stopping = new AbortController();
  const watching = (async () => {
    for await (const update of store.watch(revision, stopping.signal)) {
      assert.equal(update.type, 'events');
      seenAtNs.set(update.revision, process.hrtime.bigint());
      if (update.revision === revision + 40) break;
    }
  })();
  const writer = await startWriter(`file:${harness.path}`, 0, 40);
  writer.go();
  await Promise.all([writer.ended, watching]);

  const delaysMs = writer.acknowledged
    .filter(({ revision }) => seenAtNs.has(revision))
    .map(({ revision, atNs }) => Number((seenAtNs.get(revision) ?? 0n) - atNs) / 1e6)
    .sort((a, b) => a - b);
  const median = delaysMs[Math.floor(delaysMs.length / 2)] ?? Number.NaN;
  assert.ok(median <= 10, `median ${median} ms, longest ${delaysMs.at(-1)} ms`);
});

test('file: a commit that nobody announces is found all the same', async () => {
  await using harness = fileHarness();
  const follower = follow(await harness.open(), 0);
  await follower.until(({ updates }) => updates.length === 0);
  // What a writer leaves that is killed between its commit and its announcement.
  const database = new DatabaseSync(harness.path);
  database.exec(`
    BEGIN IMMEDIATE;
    UPDATE history SET revision = revision + 1;
    INSERT INTO events (revision, key, value)
      VALUES (1, '/coreos.com/network/subnets/10.0.1.0-24', '{"PublicIP":"192.168.0.1"}');
    COMMIT`);
  await follower.until(({ leases }) => leases.has('10.0.1.0/24'), 1_500);
  database.close();
  await follower.stop();
});

test('file: history is bounded, and a watch from before it gets a snapshot', async () => {
  await using harness = fileHarness({ historyRevisions: 5 });
  const store = await harness.open();
  for (let index = 0; index < 20; index++) {
    await store.create(subnet(index), vxlanAttributes(index), DAY_SECONDS);
  }
  const database = new DatabaseSync(harness.path, { readOnly: true });
  assert.equal(database.prepare('SELECT count(*) AS n FROM events').get()?.n, 5);
  database.close();

  const recent = follow(store, 15);
  await recent.until(({ leases }) => leases.size === 5);
  assert.equal(snapshotCount(recent), 0);
  const old = follow(store, 14);
  await old.until(({ leases }) => leases.size === 20);
  assert.deepEqual([snapshotCount(old), eventsOf(old).length], [1, 0]);
  await Promise.all([recent.stop(), old.stop()]);
});

test('file: a lease is gone for who looks after its end, by whatever call', async () => {
  let nowMs = Date.parse('2026-01-01T00:00:00Z');
  await using harness = fileHarness({ now: () => nowMs });
  const store = await harness.open();
  const lease = await store.create(subnet(1), vxlanAttributes(1), 60);
  assert.deepEqual(lease?.expiresAt, new Date('2026-01-01T00:01:00Z'));
  await store.create(subnet(2), vxlanAttributes(2), 60);
  nowMs += 59_999;
  assert.equal((await store.list()).leases.length, 2);
  nowMs += 1;
  const successor = await store.create(subnet(1), vxlanAttributes(3), 60);
  assert.equal(successor?.revision, 4, 'revision 3 is the removal');
  const follower = follow(store, 2);
  await follower.until(({ updates }) => updates.length > 0);
  assert.deepEqual(follower.updates, [
    {
      type: 'events',
      events: [
        { type: 'removed', subnet: subnet(1) },
        { type: 'removed', subnet: subnet(2) },
        { type: 'put', lease: successor },
      ],
      revision: 4,
    },
  ]);
  nowMs += 60_000;
  assert.equal(await store.renew(successor, vxlanAttributes(3), 60), null);
  assert.equal(await store.get(subnet(1)), null);
  await follower.until(({ leases }) => leases.size === 0);
  await follower.stop();
});

test('file: a backup moved into place is noticed by calls and watches', async () => {
  await using harness = fileHarness();
  const store = await harness.open();
  await store.create(subnet(1), vxlanAttributes(1), DAY_SECONDS);
  const backup = join(harness.folder, 'backup.db');
  const copy = new DatabaseSync(harness.path);
  copy.exec(`VACUUM INTO '${backup}'`);
  copy.close();
  await store.create(subnet(2), vxlanAttributes(2), DAY_SECONDS);

  const follower = follow(store, 2);
  const later = await store.create(subnet(3), vxlanAttributes(3), DAY_SECONDS);
  await follower.until(({ leases }) => leases.has('10.0.3.0/24'));
  renameSync(harness.path, join(harness.folder, 'away.db'));
  await follower.until(({ updates }) => updates.at(-1)?.type === 'unavailable');
  await assert.rejects(store.list(), { code: 'STORE_UNAVAILABLE', message: /was removed/ });

  for (const side of ['-wal', '-shm']) {
    const file = harness.path + side;
    if (statSync(file, { throwIfNoEntry: false })) renameSync(file, `${file}.away`);
  }
  copyFileSync(backup, `${harness.path}.new`);
  renameSync(`${harness.path}.new`, harness.path);
  await follower.until(({ updates }) => updates.at(-1)?.type === 'snapshot');
  assert.deepEqual([...follower.leases.keys()], ['10.0.1.0/24']);
  assert.equal(await store.remove(later ?? assert.fail()), false);
  await follower.stop();
});

test('file: sqlite3 shows what is in it, and only its owner may read it', async () => {
  await using harness = fileHarness();
  const store = await harness.open();
  await store.create(subnet(1), vxlanAttributes(1), DAY_SECONDS);
  assert.equal(statSync(harness.path).mode & 0o777, 0o600);
  await store.close();
  const shown = execFileSync('sqlite3', [harness.path, 'SELECT key, value FROM entries']);
  assert.match(shown.toString(), /^\/coreos.com\/network\/subnets\/10\.0\.1\.0-24\|\{"PublicIP"/);
});
