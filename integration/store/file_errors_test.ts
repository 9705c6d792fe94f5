import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { openFileStore } from '../../src/store/file.ts';
import { openFileDatabase } from '../../src/store/file_database.ts';
import { putEntry } from '../../src/store/file_records.ts';
import { fileHarness } from './file_harness.ts';
import { DAY_SECONDS, subnet, vxlanAttributes } from './fixtures.ts';

test('file: missing folders are created', async () => {
  await using harness = fileHarness();
  const path = join(harness.folder, 'var', 'lib', 'net.db');
  const store = await openFileStore({ path });
  assert.ok(await store.create(subnet(1), vxlanAttributes(1), DAY_SECONDS));
  await store.close();
  assert.ok(existsSync(path));
});

test('file: a path that cannot be is refused by name', async () => {
  await using harness = fileHarness();
  const file = join(harness.folder, 'file');
  writeFileSync(file, 'precious');
  const refused = { code: 'FILE', exitCode: 1 };
  await assert.rejects(openFileStore({ path: join(file, 'net.db') }), {
    ...refused,
    message: /file\/net\.db: (ENOTDIR|EEXIST)/,
  });
  mkdirSync(join(harness.folder, 'folder'));
  await assert.rejects(openFileStore({ path: join(harness.folder, 'folder') }), {
    ...refused,
    message: /EISDIR/,
  });
  // Nobody may create files there, not even root.
  await assert.rejects(openFileStore({ path: '/proc/tartan/net.db' }), refused);
  assert.equal(readFileSync(file, 'utf8'), 'precious');
});

test('file: what is not ours is refused and left as it is', async () => {
  await using harness = fileHarness();
  const text = join(harness.folder, 'text');
  writeFileSync(text, 'precious text, longer than the header of a database: '.repeat(40));
  const foreign = join(harness.folder, 'foreign.db');
  const newer = join(harness.folder, 'newer.db');
  execFileSync('sqlite3', [foreign, 'CREATE TABLE precious (x); INSERT INTO precious VALUES (1)']);
  execFileSync('sqlite3', [
    newer,
    `PRAGMA application_id = ${0x54415254}; PRAGMA user_version = 2`,
  ]);

  const cases = [
    [text, /text is not an SQLite database/],
    [foreign, /foreign\.db is an SQLite database of another program/],
    [newer, /newer\.db has schema version 2, and this tartan knows version 1/],
  ] as const;
  for (const [path, message] of cases) {
    const before = readFileSync(path);
    await assert.rejects(openFileStore({ path }), { code: 'STORE_FAILED', message });
    assert.ok(readFileSync(path).equals(before), path);
    assert.equal(existsSync(`${path}-wal`), false);
  }
});

test('file: an empty file becomes a store', async () => {
  await using harness = fileHarness();
  writeFileSync(harness.path, '');
  assert.deepEqual((await (await harness.open()).list()).leases, []);
});

test('file: many processes may open a new store at once', async () => {
  await using harness = fileHarness();
  const stores = await Promise.all(Array.from({ length: 10 }, () => harness.open()));
  const revisions = await Promise.all(stores.map(async (store) => (await store.list()).revision));
  assert.deepEqual(new Set(revisions), new Set([0]));
});

test('file: a lock that stays is reported after 5 s, and the store is usable afterwards', async () => {
  await using harness = fileHarness();
  const store = await harness.open();
  const other = new DatabaseSync(harness.path);
  other.exec('BEGIN IMMEDIATE');
  const startedAt = performance.now();
  await assert.rejects(store.create(subnet(1), vxlanAttributes(1), DAY_SECONDS), {
    code: 'STORE_UNAVAILABLE',
    exitCode: 75,
    message: /net\.db is locked by another process/,
  });
  assert.ok(performance.now() - startedAt < 8_000);
  assert.deepEqual((await store.list()).leases, [], 'reading needs no lock');
  other.exec('ROLLBACK');
  other.close();
  assert.ok(await store.create(subnet(1), vxlanAttributes(1), DAY_SECONDS));
});

test('file: what fails half-way is undone, and the next call works', async () => {
  await using harness = fileHarness();
  const store = await harness.open();
  const database = await openFileDatabase(harness.path);
  const failing = database.write((sql) => {
    putEntry(sql, { key: '/coreos.com/network/config', value: '{}', expires_at: null }, 10);
    throw new TypeError('half-way');
  });
  await assert.rejects(failing, { code: 'STORE_FAILED', message: /half-way/ });
  assert.equal(await database.write(() => 1), 1);
  database.close();
  assert.equal(await store.readConfig(), null);
});

const canMount = spawnSync('unshare', ['--mount', 'true']).status === 0;

/** Runs disk_full.ts with a small tmpfs over the folder that only it can see, and that ends with it. */
function fillTmpfs(options: string, folder: string): string {
  const mount = `mount -t tmpfs -o ${options} tmpfs "$0" && exec "$@"`;
  const script = new URL('disk_full.ts', import.meta.url).pathname;
  const node = [process.execPath, '--disable-warning=ExperimentalWarning', script, folder];
  return execFileSync('unshare', ['--mount', 'sh', '-c', mount, folder, ...node], {
    encoding: 'utf8',
  });
}

test('file: a full disk is an error that loses nothing', {
  skip: !canMount && 'may not mount',
}, async () => {
  await using harness = fileHarness();
  const told = JSON.parse(fillTmpfs('size=256k', harness.folder)) as {
    created: number;
    code: string;
    message: string;
    kept: number;
    createdAfterwards: boolean;
    integrity: string;
  };
  assert.ok(told.created > 10);
  assert.deepEqual(
    { ...told, message: '' },
    {
      created: told.created,
      code: 'STORE_FAILED',
      message: '',
      kept: told.created,
      createdAfterwards: true,
      integrity: 'ok',
    },
  );
  assert.match(told.message, /there is no space left for .*net\.db/);
});

test('file: a read-only file system is refused', {
  skip: !canMount && 'may not mount',
}, async () => {
  await using harness = fileHarness();
  const told = JSON.parse(fillTmpfs('size=256k,ro', harness.folder)) as object;
  assert.partialDeepStrictEqual(told, { code: 'FILE', created: 0 });
});
