import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { destroyLab } from '../lab/destroy.ts';
import { createLab } from '../lab/lab.ts';
import { folderOf, namespacesOf } from '../lab/names.ts';
import { processesIn } from '../lab/proc.ts';
import { waitFor } from '../lab/ready.ts';

/** As a test file tells how it went. */
const TELLING = `process.on('SIGTERM', () => process.stdout.write('not ok'));`;

describe('destroyLab', () => {
  const left = () => ({
    namespaces: namespacesOf('labtest'),
    folder: existsSync(folderOf('labtest')),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8').includes(folderOf('labtest')),
    processes: processesIn(namespacesOf('labtest')),
  });
  const nothing = { namespaces: [], folder: false, mounts: false, processes: [] };

  it('is content with nothing to do', async () => {
    await destroyLab('labtest');
    assert.deepEqual(left(), nothing);
  });

  it('ends what still runs in the namespaces, also what ignores SIGTERM', async () => {
    const lab = await createLab({ name: 'labtest', hosts: 1, store: 'etcd' });
    const stubborn = lab
      .host('a')
      .start(['sh', '-c', "trap '' TERM; echo ready; while :; do sleep 1; done"]);
    await waitFor('the shell runs', () => stubborn.stdout().includes('ready'));
    const etcd = lab.etcd?.pid();
    assert(etcd);
    await lab.destroy();
    assert.deepEqual(left(), nothing);
    await stubborn.ended;
    assert.throws(() => process.kill(etcd, 0), { code: 'ESRCH' });
  });

  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    it(`${signal} anywhere in the middle leaves nothing and ends with ${status}`, async () => {
      for (const progress of [1, 3, 7, 11]) {
        const child = await creatorInterrupted(signal, progress);
        assert.deepEqual(child, { code: status, signal: null });
        assert.deepEqual(left(), nothing, `at ${progress} namespaces`);
      }
    });
  }

  it('leaves nothing either when a test runner that read along has ended by the same signal', async () => {
    const child = await creatorInterrupted('SIGTERM', 11, { isHeard: false });
    assert.deepEqual(child, { code: 143, signal: null });
    assert.deepEqual(left(), nothing);
  });

  it('removes all that a process killed half-way has left, and so does the next createLab', async () => {
    for (const progress of [1, 4, 8, 11]) {
      await creatorInterrupted('SIGKILL', progress);
      await destroyLab('labtest');
      assert.deepEqual(left(), nothing, `at ${progress} namespaces`);
    }
    await creatorInterrupted('SIGKILL', 11);
    assert.notDeepEqual(left(), nothing);
    await (await createLab({ name: 'labtest' })).destroy();
    assert.deepEqual(left(), nothing);
  });

  it('refuses a name that is in use', async () => {
    await using lab = await createLab({ name: 'labtest', hosts: 1 });
    await assert.rejects(
      createLab({ name: lab.name }),
      /lab labtest exists: .*make lab-down LAB=labtest/,
    );
  });

  /** Starts a process that builds a lab of 11 namespaces, and sends the signal when so many of them are there. */
  async function creatorInterrupted(
    signal: NodeJS.Signals,
    namespaces: number,
    { isHeard = true } = {},
  ) {
    const script = `
      import { createLab } from '${import.meta.dirname}/../lab/lab.ts';
      ${isHeard ? '' : TELLING}
      await createLab({ name: 'labtest', hosts: 5, store: 'etcd' });
      setInterval(() => {}, 1000);
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: isHeard ? 'ignore' : 'pipe',
    });
    for (const pipe of [child.stdout, child.stderr]) pipe?.destroy();
    const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    await waitFor(`${namespaces} namespaces`, () => namespacesOf('labtest').length >= namespaces, {
      everyMilliseconds: 1,
    });
    child.kill(signal);
    const [code, by] = await ended;
    return { code, signal: by };
  }
});
