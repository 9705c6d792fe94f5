import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { run, start } from '../../lab/process.ts';
import { waitFor } from '../../lab/ready.ts';
import { lockFile } from '../../src/sys/flock.ts';

const HOLDER = `${import.meta.dirname}/lock_holder.ts`;
const NODE = [process.execPath, '--disable-warning=ExperimentalWarning'];

describe('a lock', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tartan-flock-'));
    path = join(folder, 'lock');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('has one holder, and another once it is released', () => {
    const held = lockFile(path);
    assert(held);
    assert.equal(lockFile(path), null);
    held.release();
    const again = lockFile(path);
    assert(again);
    again.release();
  });

  it('that was unlinked is not the one that others take', () => {
    const held = lockFile(path);
    assert(held);
    unlinkSync(path);
    const fresh = lockFile(path);
    assert(fresh, 'the file is another');
    held.release();
    assert.equal(lockFile(path), null, 'the release of the old one frees nothing');
    fresh.release();
  });

  it('is free when its holder is killed', async () => {
    const script = `import { lockFile } from '${import.meta.dirname}/../../src/sys/flock.ts';
      lockFile(${JSON.stringify(path)}); console.log('held'); setInterval(() => {}, 1000);`;
    await using holder = start([...NODE, '--input-type=module', '--eval', script]);
    await waitFor('the lock is held', () => holder.stdout() === 'held\n');
    assert.equal(lockFile(path), null);
    await holder.stop('SIGKILL');
    const lock = lockFile(path);
    assert(lock);
    lock.release();
  });

  it('never has two holders, though they remove the file', async () => {
    const holders = Array.from({ length: 4 }, () =>
      run([...NODE, HOLDER, path, '300'], { limitSeconds: 20 }),
    );
    for (const { stdout } of await Promise.all(holders)) assert.equal(stdout, 'done\n');
  });

  it('in a folder that is not there: an error that names it', () => {
    assert.throws(() => lockFile(join(folder, 'nowhere', 'lock')), {
      code: 'ENOENT',
      message: /nowhere/,
    });
  });
});
