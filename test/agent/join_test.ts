import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join as joinPath } from 'node:path';
import { test } from 'node:test';
import { join, previewJoin } from '../../src/agent/join.ts';
import { readState, statePath, writeState } from '../../src/agent/state_file.ts';
import { teardown } from '../../src/agent/teardown.ts';
import { TartanError } from '../../src/errors.ts';
import { formatPrefix, parsePrefix } from '../../src/net/prefix.ts';
import { lockFile } from '../../src/sys/flock.ts';
import {
  EMPTY,
  hostOf,
  interfaceOf,
  NO_CHOICE,
  type TestHost,
  testHost,
  vxlanAttributes,
} from './world.ts';

const pathOf = ({ settings }: TestHost) => statePath(settings.stateDir, settings.network);

test('takes a lease, converges, and announces the subnet last', async () => {
  await using host = await testHost();
  const report = await join(host.world, host.settings);
  assert.match(report.subnet, /^10\.5\.\d+\.0\/24$/);
  assert.deepEqual(
    { ...report, subnet: '', leaseExpires: '' },
    {
      network: '10.5.0.0/16',
      subnet: '',
      publicIp: '192.168.64.3',
      interface: 'eth0',
      mtu: 1450,
      backend: 'vxlan',
      mode: 'default',
      modeReason: null,
      leaseExpires: '',
      peers: 0,
      formerSubnet: null,
      changed: true,
    },
  );
  const address = report.subnet.replace('.0/24', '.1/24');
  assert.equal(
    await readFile(host.settings.subnetFile, 'utf8'),
    `FLANNEL_NETWORK=10.5.0.0/16\nFLANNEL_SUBNET=${address}\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=false\n`,
  );
  const state = await readState(pathOf(host));
  assert.deepEqual([state?.subnet, state?.publicIp], [report.subnet, '192.168.64.3']);
  assert.equal((await stat(pathOf(host))).mode & 0o777, 0o600);
});

test('counts the peers that it reaches, and warns of what is no lease', async () => {
  await using host = await testHost();
  const subnet = parsePrefix('10.5.200.0/24');
  const attributes = vxlanAttributes('192.168.64.8', '02:00:00:00:00:08');
  await host.store.create(subnet, attributes, 60);
  const rejected = [{ key: 'garbage', subnet: null, reason: 'not a subnet' }];
  const list = async () => ({ ...(await host.store.list()), rejected });
  const world = { ...host.world, store: { ...host.store, list } };
  assert.equal((await join(world, host.settings)).peers, 1);
  assert.deepEqual(host.warnings, ['skipped garbage in the store: not a subnet']);
  const write = host.kernel.ops.find(({ op }) => op === 'peers.write');
  assert.deepEqual(write && 'peers' in write && write.peers, [
    { subnet: '10.5.200.0/24', publicIp: '192.168.64.8', mac: '02:00:00:00:00:08' },
  ]);
});

test('a lease that is left for a reservation is no peer, nor another node’s; teardown gives it back', async () => {
  const device = { name: 'flannel.1', kind: 'vxlan', mac: '02:00:00:00:00:03', mtu: 1450 } as const;
  const links = [{ ...device, port: 8472, vni: 1, gbp: false, up: true }];
  await using host = await testHost({}, { ...EMPTY, links });
  const { subnet: former } = await join(host.world, host.settings);
  const reserved = former === '10.5.7.0/24' ? '10.5.8.0/24' : '10.5.7.0/24';
  const bare = { publicIp: '192.168.64.3', publicIpv6: null, backendType: '' };
  await host.store.create(parsePrefix(reserved), bare, 'never');
  const report = await join(host.world, host.settings);
  assert.deepEqual([report.subnet, report.peers, report.formerSubnet], [reserved, 0, former]);
  assert.deepEqual(host.warnings, [`the subnet of this host is ${reserved}, no longer ${former}`]);
  const world = { ...host.world, openStore: async () => host.store };
  const { leaseRemoved } = await teardown(world, { ...host.settings, keepLease: false });
  assert.equal(leaseRemoved, true);
  const { leases } = await host.store.list();
  assert.deepEqual(
    leases.map((lease) => [formatPrefix(lease.subnet), lease.expiresAt, lease.attributes]),
    [[reserved, 'never', bare]],
  );
});

for (const type of ['udp', 'host-gw']) {
  test(`teardown gives back what was left for a reservation in ${type} too, where a lease has no MAC`, async () => {
    await using host = await testHost();
    const { world, settings, store } = host;
    const config = `{"Network":"10.5.0.0/16","Backend":{"Type":"${type}"}}`;
    await store.writeConfig(config, await store.readConfig());
    const kernel = { ...settings, dataplane: 'kernel' } as const;
    const { subnet: former } = await join(world, kernel);
    const [reserved, others] = ['10.5.207.0/24', '10.5.208.0/24'];
    const bare = (publicIp: string) => ({ publicIp, publicIpv6: null, backendType: '' });
    await store.create(parsePrefix(reserved), bare('192.168.64.3'), 'never');
    await store.create(parsePrefix(others), bare('192.168.64.8'), 60);
    assert.equal((await join(world, kernel)).subnet, reserved);
    await join(world, kernel);
    assert.deepEqual((await readState(pathOf(host)))?.left, [former]);
    await teardown({ ...world, openStore: async () => store }, { ...settings, keepLease: false });
    const { leases } = await store.list();
    assert.deepEqual(leases.map(({ subnet }) => formatPrefix(subnet)).sort(), [reserved, others]);
  });
}

test('what was left and is another node’s now stays', async () => {
  await using host = await testHost();
  const { world, settings, store } = host;
  const { subnet: former } = await join(world, settings);
  const lease = (await store.get(parsePrefix(former))) ?? assert.fail(former);
  await store.remove(lease);
  const other = vxlanAttributes('192.168.64.9', '02:00:00:00:00:09');
  await store.create(parsePrefix(former), other, 60);
  await join(world, settings);
  assert.deepEqual((await readState(pathOf(host)))?.left, [former]);
  await teardown({ ...world, openStore: async () => store }, { ...settings, keepLease: false });
  const { leases } = await store.list();
  assert.deepEqual(
    leases.map(({ attributes }) => attributes),
    [other],
  );
});

test('a dry run shows the same steps and changes nothing, neither here nor in the store', async () => {
  await using host = await testHost();
  const leases = await host.store.list();
  const preview = await previewJoin(host.world, host.settings);
  assert.equal(preview.lease.action, 'create');
  assert.deepEqual(host.kernel.ops, []);
  assert.deepEqual(await host.store.list(), leases);
  assert.deepEqual(
    (await readdir(host.folder)).filter((name) => !name.startsWith('net.db')),
    [],
  );
  await join(host.world, host.settings);
  assert.deepEqual(
    host.kernel.ops.map(({ op }) => op),
    preview.ops.map(({ op }) => op),
  );
});

test('the state is there before the first step, so that teardown knows; subnet.env is not', async () => {
  await using host = await testHost();
  host.kernel.failNext(new TartanError('KERNEL', 'link.add: no', 'Try again.'));
  await assert.rejects(join(host.world, host.settings), { code: 'KERNEL' });
  const state = await readState(pathOf(host));
  assert.notEqual(state, null);
  await assert.rejects(stat(host.settings.subnetFile), { code: 'ENOENT' });
  const healed = await join(host.world, host.settings);
  assert.equal(healed.subnet, state?.subnet);
});

test('what cannot work is found before a lease is taken', async () => {
  await using host = await testHost();
  const inside = { ...host.settings, underlay: { ...NO_CHOICE, publicIp: '10.5.9.9' } };
  await assert.rejects(join(host.world, inside), {
    code: 'CONFIG_INVALID',
    message: /10\.5\.9\.9/,
  });
  const down = { ...host.world, host: hostOf([interfaceOf('eth0', { up: false })]) };
  await assert.rejects(join(down, host.settings), { code: 'INTERFACE', message: /eth0 is down/ });
  assert.deepEqual((await host.store.list()).leases, []);
  assert.deepEqual(host.kernel.ops, []);
});

test('a join that is refused leaves no lock and no folder, nor takes what another one needs', async () => {
  await using host = await testHost({ lockFile });
  const inside = { ...host.settings, underlay: { ...NO_CHOICE, publicIp: '10.5.9.9' } };
  await assert.rejects(join(host.world, inside), { code: 'CONFIG_INVALID' });
  await assert.rejects(stat(host.settings.stateDir), { code: 'ENOENT' });
  await join(host.world, host.settings);
  await assert.rejects(join(host.world, inside), { code: 'CONFIG_INVALID' });
  assert.deepEqual(await readdir(dirname(pathOf(host))), ['lock', 'state.json']);
});

for (const [what, forwarding, expected] of [
  ['at all', { byDefault: false, byUnderlay: false }, /^net\.ipv4\.ip_forward is 0/],
  [
    'on the underlay',
    { byDefault: true, byUnderlay: false },
    /^net\.ipv4\.conf\.eth0\.forwarding is 0/,
  ],
] as const) {
  test(`a host that does not forward ${what} is warned of`, async () => {
    await using host = await testHost();
    const reader = { ...host.world.host, readForwarding: async () => forwarding };
    await join({ ...host.world, host: reader }, host.settings);
    assert.equal(host.warnings.length, 1);
    assert.match(host.warnings[0] ?? '', expected);
  });
}

test('an interruption ends it between two steps', async () => {
  await using host = await testHost();
  const kernel = {
    ...host.kernel,
    apply: async (op: Parameters<typeof host.kernel.apply>[0]) => {
      await host.kernel.apply(op);
      host.controller.abort();
    },
  };
  const attempt = join({ ...host.world, kernel }, host.settings);
  await assert.rejects(attempt, { code: 'INTERRUPTED' });
  assert.equal(host.kernel.ops.length, 1);
});

test('only one at a time', async () => {
  await using host = await testHost({ lockFile: () => null });
  await assert.rejects(join(host.world, host.settings), { code: 'BUSY', exitCode: 75 });
});

test('without a config it says how to write one', async () => {
  await using host = await testHost();
  const store = { ...host.store, readConfig: async () => null };
  const attempt = join({ ...host.world, store }, host.settings);
  await assert.rejects(attempt, { code: 'CONFIG_MISSING', hint: /init-config/ });
});

test("another network namespace's state is refused", async () => {
  await using host = await testHost();
  await join(host.world, host.settings);
  const { version: _, ...state } = (await readState(pathOf(host))) ?? assert.fail();
  await writeState(pathOf(host), { ...state, networkNamespace: 1, bpffs: '/elsewhere' });
  await assert.rejects(join(host.world, host.settings), { code: 'PINS_FOREIGN' });
});

test('a place for subnet.env that cannot be written is named', async () => {
  await using host = await testHost();
  const settings = { ...host.settings, subnetFile: joinPath(host.folder, 'net.db/subnet.env') };
  await assert.rejects(join(host.world, settings), {
    code: 'FILE',
    message: /net\.db\/subnet\.env/,
  });
});
