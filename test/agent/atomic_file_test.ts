import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readIfPresent, removeFile, writeAtomically } from '../../src/agent/atomic_file.ts';

const folder = await mkdtemp(join(tmpdir(), 'tartan-test-'));
after(() => rm(folder, { recursive: true }));

test('writes with exactly that mode, makes the folder, and leaves nothing else', async () => {
  const path = join(folder, 'a/b/subnet.env');
  assert.equal(await writeAtomically(path, 'A=1\n', 0o644), true);
  assert.equal(await readFile(path, 'utf8'), 'A=1\n');
  assert.equal((await stat(path)).mode & 0o777, 0o644);
  assert.deepEqual(await readdir(join(folder, 'a/b')), ['subnet.env']);
});

test('the same text again is no change, not even of the file', async () => {
  const path = join(folder, 'same');
  await writeAtomically(path, 'x', 0o600);
  const before = await stat(path);
  assert.equal(await writeAtomically(path, 'x', 0o600), false);
  assert.equal((await stat(path)).ino, before.ino);
  assert.equal(await writeAtomically(path, 'y', 0o600), true);
  assert.equal(await readFile(path, 'utf8'), 'y');
});

test('a place that cannot be written is named, and no half-written file stays', async () => {
  await writeFile(join(folder, 'file'), '');
  const path = join(folder, 'file/below');
  await assert.rejects(writeAtomically(path, 'x', 0o644), { code: 'FILE', message: /file\/below/ });
  await assert.rejects(writeAtomically('/dev/full/x', 'x', 0o644), { code: 'FILE' });
});

test('a file that is not there is null, and removing it is no change', async () => {
  assert.equal(await readIfPresent(join(folder, 'none')), null);
  assert.equal(await removeFile(join(folder, 'none')), false);
  await assert.rejects(readIfPresent(folder), { code: 'FILE' });
});
