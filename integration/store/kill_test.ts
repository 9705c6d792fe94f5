import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileHarness } from './file_harness.ts';
import { seededRandom } from './fixtures.ts';
import { follow, putRevisions, snapshotCount } from './follow.ts';
import { type Acknowledged, startWriter } from './writers.ts';

const SEED = 20_260;
const ROUNDS = 12;
/** Both writers of a round want the same subnets, far more than they have time for. */
const LEASES_A_ROUND = 5_000;

test(`file: writers killed at any moment lose nothing and leave nothing half done (seed ${SEED})`, async () => {
  await using harness = fileHarness();
  const random = seededRandom(SEED);
  const acknowledged: Acknowledged[] = [];
  const store = await harness.open();
  const follower = follow(store, 0);

  for (let round = 0; round < ROUNDS; round++) {
    const writers = await Promise.all(
      [0, 1].map(() => startWriter(`file:${harness.path}`, round * LEASES_A_ROUND, LEASES_A_ROUND)),
    );
    for (const writer of writers) writer.go();
    for (const writer of writers) {
      await delay(5 + random() * 60);
      writer.kill();
    }
    await Promise.all(writers.map((writer) => writer.ended));
    acknowledged.push(...writers.flatMap((writer) => writer.acknowledged));
  }

  const { leases, revision } = await store.list();
  const found = new Map(leases.map((lease) => [lease.subnet.address, lease.revision]));
  assert.ok(acknowledged.length > ROUNDS, `only ${acknowledged.length} leases were created`);
  assert.equal(found.size, leases.length, 'no subnet twice');
  for (const { index, revision } of acknowledged) {
    assert.equal(found.get(0x0a00_0000 + index * 256), revision, `lease ${index} is there`);
  }
  const unacknowledged = leases.length - acknowledged.length;
  assert.ok(unacknowledged >= 0 && unacknowledged <= 2 * ROUNDS, `${unacknowledged} more`);

  await follower.until(({ leases }) => leases.size === found.size);
  assert.deepEqual(
    putRevisions(follower),
    Array.from({ length: revision }, (_, n) => n + 1),
  );
  assert.equal(snapshotCount(follower), 0);
  await follower.stop();
  await store.close();
  const database = new DatabaseSync(harness.path);
  assert.equal(database.prepare('PRAGMA integrity_check').get()?.integrity_check, 'ok');
  database.close();
});
