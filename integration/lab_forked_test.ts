import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startForked } from '../lab/forked.ts';
import { CHECKOUT, type Host } from '../lab/host.ts';
import { createLab, type Lab, NETWORK_CONFIG } from '../lab/lab.ts';
import { namespacePath } from '../lab/names.ts';
import { type Running, type RunResult, start } from '../lab/process.ts';
import { waitFor } from '../lab/ready.ts';
import { TARTAN, TARTAN_SCRIPT } from '../lab/tartan.ts';

const skip = process.getuid?.() !== 0 && 'needs root';

describe('the fork server', { skip }, () => {
  let lab: Lab;
  let server: Running;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tartan-fork-'));
    server = start([`${CHECKOUT}/scripts/vm/fork_server.sh`, `${folder}/socket`]);
    lab = await createLab({ name: 'forked', hosts: 2 });
    await waitFor('the fork server listens', () => existsSync(`${folder}/socket`));
  });
  after(async () => {
    await server?.stop();
    await lab?.destroy();
    rmSync(folder, { recursive: true });
  });

  const fork = (host: Host, args: readonly string[], input?: string): Running =>
    startForked(TARTAN_SCRIPT, args, {
      ...{ server: `${folder}/socket`, network: namespacePath(host.namespace), env: host.env },
      ...(input === undefined ? {} : { input }),
    });
  const launch = (host: Host, args: readonly string[]): Promise<RunResult> =>
    host.exec([TARTAN, ...args], { mayFail: true });

  for (const args of [
    ['--version'],
    ['--help'],
    ['join', '--help'],
    ['nonsense'],
    ['join', '--subnet-file'],
    ['renew', '--json'],
    [],
  ]) {
    it(`says and returns what the launcher does: tartan ${args.join(' ')}`, async () => {
      const [a] = lab.hosts as [Host];
      assert.deepEqual(await fork(a, args).ended, await launch(a, args));
    });
  }

  it('hands on standard input, and each host its own network and environment', async () => {
    const [a, b] = lab.hosts as [Host, Host];
    const written = await fork(a, ['init-config', '-'], JSON.stringify(NETWORK_CONFIG)).ended;
    assert.equal(written.code, 0, written.stderr);
    const joined = await Promise.all([a, b].map((host) => fork(host, ['join']).ended));
    assert.deepEqual(
      joined.map(({ stdout }) => JSON.parse(stdout).publicIp),
      [a.address, b.address],
    );
    for (const host of [a, b]) {
      const [forked, launched] = [await fork(host, ['join']).ended, await launch(host, ['join'])];
      assert.deepEqual(
        { ...JSON.parse(forked.stdout), changed: null, peers: 1 },
        {
          ...JSON.parse(launched.stdout),
          changed: null,
        },
      );
      assert.equal(JSON.parse(launched.stdout).changed, false, 'nothing is left to do');
    }
  });

  it('forks whole processes, many at once', async () => {
    const [a] = lab.hosts as [Host];
    const results = await Promise.all(
      Array.from({ length: 40 }, () => fork(a, ['endpoint', 'list']).ended),
    );
    for (const result of results) {
      assert.deepEqual(result, { code: 0, stdout: '{"endpoints":[]}\n', stderr: '' });
    }
  });

  it('passes signals on', async () => {
    const [a] = lab.hosts as [Host];
    const asked = fork(a, ['watch']);
    await waitFor('watch has begun', () => asked.stdout().includes('\n'));
    assert.equal((await asked.stop()).code, 0);

    const killed = fork(a, ['watch']);
    await waitFor('watch has begun', () => killed.stdout().includes('\n'));
    assert.equal((await killed.stop('SIGKILL')).code, 255);
  });
});
