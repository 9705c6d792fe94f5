import assert from 'node:assert/strict';
import { chmod, copyFile, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import project from '../../package.json' with { type: 'json' };
import { COMMAND_NAMES } from '../../src/cli/commands.ts';
import { LAUNCHER, type Run, runTartan, temporaryFolder } from './run_tartan.ts';

const CONFIG = '{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}';

/** Two lines, the first of them telling what is wrong. */
function assertRefused(run: Run, status: number, message: RegExp): void {
  assert.equal(run.status, status, run.stderr);
  assert.equal(run.stdout, '');
  assert.match(run.stderr, message);
  assert.match(run.stderr, /^tartan: .+\n.+\n$/);
}

test('--version prints the version, also through symlinks and from anywhere', async () => {
  await using folder = await temporaryFolder();
  const direct = await runTartan(['--version'], { cwd: '/' });
  assert.deepEqual(direct, { stdout: `${project.version}\n`, stderr: '', status: 0 });
  await symlink(LAUNCHER, join(folder.path, 'once'));
  await symlink('once', join(folder.path, 'twice'));
  const linked = await runTartan(['--version'], { command: './twice', cwd: folder.path });
  assert.equal(linked.stdout, direct.stdout);
});

test('--help lists the commands; without a command the same is wrong use', async () => {
  const help = await runTartan(['--help']);
  assert.equal(help.status, 0);
  for (const name of COMMAND_NAMES) assert.match(help.stdout, new RegExp(`^ {2}${name} `, 'm'));
  const bare = await runTartan([]);
  assert.deepEqual([bare.status, bare.stdout], [2, '']);
  assert.equal(bare.stderr, help.stdout);
});

test('each script runs by itself and says the same as the launcher', async () => {
  for (const name of COMMAND_NAMES) {
    const byName = await runTartan(['help', name]);
    const script = join(import.meta.dirname, '../../cmd', `${name.replaceAll('-', '_')}.ts`);
    const node = { command: process.execPath };
    const alone = await runTartan(
      ['--disable-warning=ExperimentalWarning', script, '--help'],
      node,
    );
    assert.deepEqual(alone, byName);
    assert.equal(byName.status, 0);
  }
});

test('without a Node that is new enough it says what to do', async () => {
  await using folder = await temporaryFolder();
  await mkdir(join(folder.path, 'bin'));
  const launcher = join(folder.path, 'bin/tartan');
  await copyFile(LAUNCHER, launcher);
  await writeFile(join(folder.path, 'node'), '#!/bin/sh\necho v20.20.2\n');
  await chmod(join(folder.path, 'node'), 0o755);
  const PATH = `${folder.path}:/usr/bin:/bin`;
  const run = await runTartan(['--version'], { command: launcher, environment: { PATH } });
  assert.equal(run.status, 1);
  assert.match(run.stderr, /needs Node 24 or newer.*v20\.20\.2\n.*npm ci/);
});

test('wrong use ends with 2, and under --json the error is on stdout', async () => {
  assertRefused(await runTartan(['frobnicate']), 2, /"frobnicate" is not a command/);
  assertRefused(await runTartan(['join', '--no-such']), 2, /unknown option '--no-such'/);
  const environment = { FLANNELD_PUBLIC_IP: 'here' };
  assertRefused(await runTartan(['join'], { environment }), 2, /FLANNELD_PUBLIC_IP: "here"/);
  const json = await runTartan(['join', '--no-such', '--json']);
  assert.deepEqual([json.status, json.stderr], [2, '']);
  assert.equal(JSON.parse(json.stdout).error.code, 'USAGE');
});

test('init-config refuses what is no config, and leaves no store behind', async () => {
  await using folder = await temporaryFolder();
  const store = `file:${join(folder.path, 'net.db')}`;
  const bad: [string, RegExp][] = [
    ['{', /not JSON/],
    ['{}', /Network is missing/],
    ['{"Network":"10.5.0.0/16","SubnetLen":31,"Backend":{"Type":"vxlan"}}', /SubnetLen is 31/],
    [
      '{"Network":"10.5.0.0/16","SubnetMin":"10.5.9.0","SubnetMax":"10.5.1.0","Backend":{"Type":"vxlan"}}',
      /SubnetMin is 10\.5\.9\.0, above SubnetMax/,
    ],
    ['{"Network":"10.5.0.0/16","Backend":{"Type":"carrier-pigeon"}}', /carrier-pigeon/],
    ['{"Network":"10.5.0.0/16","Backend":{"Type":"wireguard"}}', /"wireguard" is not built yet/],
  ];
  for (const [config, message] of bad) {
    assertRefused(await runTartan(['init-config', '--store', store, config]), 1, message);
  }
  const missing = join(folder.path, 'no-such.json');
  assertRefused(await runTartan(['init-config', '--store', store, missing]), 1, /cannot read/);
  const relative = ['init-config', '--store', 'file:net.db', CONFIG];
  assertRefused(await runTartan(relative, { cwd: folder.path }), 2, /relative path/);
  assert.deepEqual(await readdir(folder.path), []);
});

test('init-config writes once, keeps a different config, and replaces it by force', async () => {
  await using folder = await temporaryFolder();
  const environment = { FLANNELD_STORE: `file:${join(folder.path, 'net.db')}` };
  const file = join(folder.path, 'network.json');
  await writeFile(file, CONFIG);
  const init = async (...argv: string[]) => {
    const run = await runTartan(['init-config', ...argv], { environment, stdin: CONFIG });
    return run.status === 0 ? JSON.parse(run.stdout).changed : run;
  };
  assert.equal(await init(CONFIG), true);
  assert.equal(await init(file), false);
  assert.equal(await init('-'), false);
  const other = `${CONFIG}\n`;
  assertRefused(await init(other), 1, /holds a different network config/);
  assert.equal(await init('--dry-run', '--force', other), true);
  assert.equal(await init('--force', other), true);
  assert.equal(await init(other), false);
});

test('a store that cannot be used is named', async () => {
  await using folder = await temporaryFolder();
  const init = (store: string) => runTartan(['init-config', '--store', store, CONFIG]);
  assertRefused(await init('carrier:/x'), 2, /no known kind/);
  const junk = join(folder.path, 'junk');
  await writeFile(junk, 'this is no SQLite file, but long enough to look at');
  assertRefused(await init(`file:${junk}`), 1, /junk/);
  assertRefused(await init(`file:${junk}/below`), 1, /junk/);
});

test('etcd that does not answer ends with 75 within 10 s', async () => {
  const started = performance.now();
  const argv = ['init-config', '--etcd-endpoints', 'http://127.0.0.1:1', CONFIG];
  assertRefused(await runTartan(argv), 75, /127\.0\.0\.1:1\b/);
  assert(performance.now() - started < 10_000);
});

test('bench says what it cannot measure against', async () => {
  const bad: [string[], number, RegExp][] = [
    [[], 2, /nothing to measure against/],
    [['here'], 2, /"here" is not an IPv4 address/],
    [['::1'], 2, /"::1" is not an IPv4 address/],
    [['--serve', '10.0.0.1'], 2, /--serve and the address 10\.0\.0\.1 exclude each other/],
    [['--serve', '--reverse'], 2, /--serve and --reverse exclude each other/],
    [['127.0.0.1', '--port', '1'], 75, /nobody answers at 127\.0\.0\.1:1: .*ECONNREFUSED/],
    [['127.0.0.1', '--bind', '192.0.2.1'], 1, /192\.0\.2\.1 is not an address of this host/],
    [['--serve', '--bind', '192.0.2.1'], 1, /192\.0\.2\.1 is not an address of this host/],
  ];
  for (const [argv, status, message] of bad)
    assertRefused(await runTartan(['bench', ...argv]), status, message);
});

test('run tells its version as flanneld does', async () => {
  const expected = (await runTartan(['--version'])).stdout;
  for (const flag of ['-version', '--version']) {
    assert.equal((await runTartan(['run', flag])).stdout, expected);
  }
});

test('by the name of flanneld it is run, wherever that name stands', async () => {
  await using folder = await temporaryFolder();
  await symlink(LAUNCHER, join(folder.path, 'flanneld'));
  const flanneld = (...argv: string[]) =>
    runTartan(argv, { command: './flanneld', cwd: folder.path });
  assert.equal((await flanneld('-version')).stdout, `${project.version}\n`);
  assert.equal((await flanneld('--help')).stdout, (await runTartan(['run', '--help'])).stdout);
  assertRefused(await flanneld('-kube-subnet-mgr'), 2, /--kube-subnet-mgr is not for tartan/);
  const { PATH } = process.env;
  const environment = { PATH: `${folder.path}:${PATH}` };
  const found = await runTartan(['-c', 'flanneld -version'], { command: 'sh', environment });
  assert.equal(found.stdout, `${project.version}\n`);
});
