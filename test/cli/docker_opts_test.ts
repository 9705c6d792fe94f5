import assert from 'node:assert/strict';
import { lstat, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { runTartan, temporaryFolder } from './run_tartan.ts';

const SUBNET_ENV = `FLANNEL_NETWORK=10.5.0.0/16
FLANNEL_SUBNET=10.5.52.1/24
FLANNEL_MTU=1450
FLANNEL_IPMASQ=true
`;

test('docker-opts takes the script’s flags, and again changes nothing', async () => {
  await using folder = await temporaryFolder();
  const [from, to] = [`${folder.path}/subnet.env`, `${folder.path}/docker.env`];
  await writeFile(from, SUBNET_ENV);
  const argv = ['docker-opts', '-f', from, '-d', to, '-c', '-m', '-k', 'OPTS'];
  const first = await runTartan(argv, { environment: { OPTS: '--debug' } });
  assert.deepEqual([first.status, first.stderr], [0, '']);
  const report = { file: to, bip: '10.5.52.1/24', mtu: 1450, leavesMasquerade: false };
  assert.deepEqual(JSON.parse(first.stdout), { ...report, changed: true });
  assert.equal(await readFile(to, 'utf8'), 'OPTS="--debug --bip=10.5.52.1/24 --mtu=1450 "\n');
  assert.equal((await stat(to)).mode & 0o777, 0o644);
  const second = await runTartan(argv, { environment: { OPTS: '--debug' } });
  assert.equal(JSON.parse(second.stdout).changed, false);
});

test('docker-opts writes where a link leads to, and nothing in the place of what is no file', async () => {
  await using folder = await temporaryFolder();
  const [from, link, to] = ['subnet.env', 'link', 'docker.env'].map((n) => `${folder.path}/${n}`);
  assert(from && link && to);
  await writeFile(from, SUBNET_ENV);
  await writeFile(to, '');
  await symlink(to, link);
  assert.equal((await runTartan(['docker-opts', '-f', from, '-d', link])).status, 0);
  assert.match(await readFile(to, 'utf8'), /--bip/);
  assert((await lstat(link)).isSymbolicLink());
  const refused = await runTartan(['docker-opts', '-f', from, '-d', folder.path]);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /is no regular file/);
});

test('docker-opts leaves the file alone when subnet.env is not there or makes no sense', async () => {
  await using folder = await temporaryFolder();
  const [from, to] = [`${folder.path}/subnet.env`, `${folder.path}/docker.env`];
  await writeFile(to, 'before\n');
  const argv = ['docker-opts', '-f', from, '-d', to];
  const missing = await runTartan(argv);
  assert.equal(missing.status, 1);
  assert.match(missing.stderr, new RegExp(`there is no ${from}\n.*tartan join`));
  await writeFile(from, SUBNET_ENV.replace('1450', 'many'));
  const senseless = await runTartan(argv);
  assert.equal(senseless.status, 1);
  assert.match(senseless.stderr, /FLANNEL_MTU=many in subnet\.env is not a number/);
  const usage = await runTartan([...argv, '-k', '1X']);
  assert.equal(usage.status, 2);
  assert.equal(await readFile(to, 'utf8'), 'before\n');
});
