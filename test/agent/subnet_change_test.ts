import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { test } from 'node:test';
import { join } from '../../src/agent/join.ts';
import { runSubnetHook, type SubnetHook } from '../../src/agent/subnet_change.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import { ofType, PEER, until, watchOn } from './watching.ts';
import { type TestHost, testHost } from './world.ts';

const CHANGE = {
  former: parsePrefix('10.5.7.0/24'),
  current: {
    network: parsePrefix('10.5.0.0/16'),
    subnet: parsePrefix('10.5.8.0/24'),
    mtu: 1450,
    ipMasq: false,
  },
};
const never = new AbortController().signal;

function hookOf(command: string, limitSeconds = 10): SubnetHook {
  return { command, environment: { PATH: '/usr/bin:/bin', KEPT: 'yes' }, limitSeconds };
}

/** A hook that writes the variables down, and what it has written so far. */
function notingHook(host: TestHost) {
  const path = joinPath(host.folder, 'changes');
  const hook = hookOf(`echo $TARTAN_OLD_SUBNET $TARTAN_NEW_SUBNET $FLANNEL_SUBNET >> ${path}`);
  return { path, hook, changes: () => readFile(path, 'utf8').catch(() => '') };
}

function isAlive(pid: string): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

test('gets the old and the new subnet, and what is in subnet.env', async () => {
  await using host = await testHost();
  const path = joinPath(host.folder, 'environment');
  assert.equal(await runSubnetHook(hookOf(`env | sort > ${path}`), CHANGE, never), null);
  const lines = (await readFile(path, 'utf8')).split('\n');
  for (const expected of [
    'FLANNEL_IPMASQ=false',
    'FLANNEL_MTU=1450',
    'FLANNEL_NETWORK=10.5.0.0/16',
    'FLANNEL_SUBNET=10.5.8.1/24',
    'KEPT=yes',
    'TARTAN_NEW_SUBNET=10.5.8.0/24',
    'TARTAN_OLD_SUBNET=10.5.7.0/24',
  ]) {
    assert(lines.includes(expected), `${expected} in ${lines}`);
  }
});

test('a failure is told by its status, and one that cannot start by its reason', async () => {
  assert.equal(
    await runSubnetHook(hookOf('exit 3'), CHANGE, never),
    '--on-subnet-change: exit 3 ended with 3',
  );
  const nowhere = { ...hookOf('true'), environment: { PATH: '/nowhere' } };
  assert.match((await runSubnetHook(nowhere, CHANGE, never)) ?? '', /true cannot be run: .*ENOENT/);
});

test('is ended with all that it has started: after its time, and when the command is interrupted', async () => {
  await using host = await testHost();
  const path = joinPath(host.folder, 'child');
  const hook = hookOf(`sleep 60 & echo $! > ${path}; wait`, 1);
  assert.match((await runSubnetHook(hook, CHANGE, never)) ?? '', /was ended after 1 s/);
  const child = (await readFile(path, 'utf8')).trim();
  await until(
    () => !isAlive(child),
    () => `${child} is gone`,
  );

  const controller = new AbortController();
  const ended = runSubnetHook(hookOf('sleep 60'), CHANGE, controller.signal);
  controller.abort();
  assert.equal(await ended, null);
});

test('join runs it where the subnet has changed, and only there, and says why', async () => {
  await using host = await testHost();
  const { hook, changes } = notingHook(host);
  const settings = { ...host.settings, onSubnetChange: hook };
  const first = await join(host.world, settings);
  assert.equal(first.formerSubnet, null);
  await join(host.world, settings);
  assert.equal(await changes(), '');

  const [own] = (await host.store.list()).leases;
  assert(own);
  await host.store.renew(own, PEER, 60);
  const second = await join(host.world, settings);
  assert.equal(second.formerSubnet, first.subnet);
  const address = second.subnet.replace('.0/24', '.1/24');
  assert.equal(await changes(), `${first.subnet} ${second.subnet} ${address}\n`);
  const [warning = ''] = host.warnings;
  for (const part of [second.subnet, first.subnet, `belongs to ${PEER.publicIp}`]) {
    assert(warning.includes(part), warning);
  }
});

test('a failure of it is a warning of join, and an error event of watch, and nothing else', async () => {
  await using host = await testHost();
  const settings = { ...host.settings, onSubnetChange: hookOf('exit 7') };
  const first = await join(host.world, settings);
  await writeFile(settings.subnetFile, 'FLANNEL_SUBNET=10.5.250.1/24\n');
  const again = await join(host.world, settings);
  assert.deepEqual([again.subnet, again.formerSubnet], [first.subnet, '10.5.250.0/24']);
  assert.match(host.warnings.join('\n'), /exit 7 ended with 7/);

  await using watching = await watchOn(host, {}, settings);
  await watching.event(ofType('synced'));
  const [own] = (await host.store.list()).leases;
  assert(own);
  await host.store.renew(own, PEER, 60);
  const acquired = await watching.event(ofType('acquired'));
  assert.equal(acquired.formerSubnet, first.subnet);
  const { message } = await watching.event(ofType('error'));
  assert.equal(message, '--on-subnet-change: exit 7 ended with 7');
  await host.store.create(parsePrefix('10.5.251.0/24'), PEER, 60);
  await watching.event(({ type, subnet }) => type === 'added' && subnet === '10.5.251.0/24');
});

test('watch runs it beside everything else, one after the other', async () => {
  await using host = await testHost();
  const { path, hook, changes } = notingHook(host);
  const { subnet } = await join(host.world, host.settings);
  const gate = joinPath(host.folder, 'gate');
  const waiting = {
    ...hook,
    command: `until [ -e ${gate} ]; do sleep 0.01; done; ${hook.command}`,
  };
  await using watching = await watchOn(host, {}, { onSubnetChange: waiting });
  await watching.event(ofType('synced'));
  const [own] = (await host.store.list()).leases;
  assert(own);
  await host.store.renew(own, PEER, 60);
  const acquired = await watching.event(ofType('acquired'));
  await host.store.create(parsePrefix('10.5.251.0/24'), PEER, 60);
  await watching.event(({ type, subnet }) => type === 'added' && subnet === '10.5.251.0/24');
  assert.equal(await changes(), '', 'it still runs');
  await writeFile(gate, '');
  await until(
    () => existsSync(path) && readFileSync(path, 'utf8').endsWith('\n'),
    () => 'the hook has run',
  );
  assert((await changes()).startsWith(`${subnet} ${acquired.subnet} `));
});
