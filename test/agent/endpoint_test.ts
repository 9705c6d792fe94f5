import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { addEndpoint, listEndpoints, removeEndpoint } from '../../src/agent/endpoint.ts';
import { endpointFilePath, readEndpointFile } from '../../src/agent/endpoint_file.ts';
import { planEndpoints } from '../../src/agent/endpoint_sync.ts';
import { surveyEndpoints, surveyEndpointsOrWarn } from '../../src/agent/endpoints.ts';
import { networkNamespaceInode, statePath, writeState } from '../../src/agent/state_file.ts';
import { mapLayouts } from '../../src/bpf/layouts.gen.ts';
import { TartanError } from '../../src/errors.ts';
import type { HostInterface } from '../../src/kernel/contract.ts';
import { ENDPOINT_PLACES, type Settings } from '../../src/plan/dataplane.ts';
import type { ObservedState } from '../../src/plan/state.ts';
import { GENERATION, generation, settings, settled } from '../plan/samples.ts';
import { hostOf, interfaceOf, recordingKernel, type TestHost, testHost } from './world.ts';

const cable = (name: string, index: number, rest: Partial<HostInterface> = {}) =>
  interfaceOf(name, { index, kind: 'veth', leadsElsewhere: true, addresses: [], ...rest });

const gateway = [{ address: '10.5.52.9', prefixLength: 24 }];

const INTERFACES: readonly HostInterface[] = [
  interfaceOf('eth0'),
  interfaceOf('flannel.1', { index: 3, kind: 'vxlan', addresses: [] }),
  interfaceOf('cni0', { index: 4, kind: 'bridge', mac: '02:00:00:00:00:44', addresses: gateway }),
  cable('v1', 11, { master: 'cni0' }),
  cable('v2', 12, { mac: '02:00:00:00:00:12' }),
  cable('near', 13, { leadsElsewhere: false }),
];

/** A host whose kernel looks as after a join, with these settings. */
function observedWith(change: Partial<Settings>): ObservedState {
  const found = { ...generation, settings: { ...settings, ...change } };
  return { ...settled, generations: new Map([[GENERATION, found]]) };
}

async function joinedHost(change: Partial<Settings> = { fastPath: true }, subnet = '10.5.52.0/24') {
  const kernel = recordingKernel(observedWith(change));
  const host = await testHost({ kernel, host: hostOf(INTERFACES) });
  await writeState(statePath(host.settings.stateDir, host.settings.network), {
    networkNamespace: await networkNamespaceInode(),
    backend: 'vxlan',
    interface: 'eth0',
    subnet,
    publicIp: '192.168.64.2',
    vtepMac: '02:00:00:00:00:01',
    bpffs: host.settings.bpffs,
    store: 'file',
    subnetFile: host.settings.subnetFile,
  });
  return { host, kernel };
}

const add = (host: TestHost, device: string, address: string) =>
  addEndpoint(host.world, host.settings, { interface: device, address });

test('adding writes it down and brings the kernel in step; again changes nothing', async () => {
  const { host, kernel } = await joinedHost();
  await using _ = host;
  const added = await add(host, 'v1', '10.5.52.2');
  assert.deepEqual(added, { address: '10.5.52.2', interface: 'v1', active: true, changed: true });
  assert.deepEqual(kernel.ops, [
    {
      op: 'endpoints.write',
      generation: GENERATION,
      endpoints: [{ address: '10.5.52.2', device: 'v1', gatewayMac: '02:00:00:00:00:44' }],
    },
    {
      op: 'bpf.attach',
      attachment: { program: 'endpoint_send', device: 'v1', hook: 'ingress', by: 'tcx' },
      generation: GENERATION,
    },
  ]);
  assert.equal((await add(host, 'v1', '10.5.52.2')).changed, false);
  const removed = await removeEndpoint(host.world, host.settings, {
    interface: 'v1',
    address: null,
  });
  assert.deepEqual(removed, { interface: 'v1', addresses: ['10.5.52.2'], changed: true });
  assert.deepEqual(await listEndpoints(host.world, host.settings), { endpoints: [] });
});

test('while FastPath is off it is written down, and nothing reaches the kernel', async () => {
  const { host, kernel } = await joinedHost({ fastPath: false });
  await using _ = host;
  const { active, reason, changed } = await add(host, 'v2', '10.5.52.2');
  assert.deepEqual([active, changed, kernel.ops], [false, true, []]);
  assert.match(reason ?? '', /FastPath is off/);
  const { endpoints } = await listEndpoints(host.world, host.settings);
  assert.deepEqual(endpoints, [{ address: '10.5.52.2', interface: 'v2', active: false, reason }]);
});

const refused: readonly (readonly [device: string, address: string, message: RegExp])[] = [
  ['v9', '10.5.52.2', /no interface v9/],
  ['eth0', '10.5.52.2', /underlay/],
  ['flannel.1', '10.5.52.2', /overlay's own/],
  ['cni0', '10.5.52.2', /a bridge, not a veth/],
  ['near', '10.5.52.2', /in this network namespace too/],
  ['v1', 'ten', /"ten" is not an IPv4/],
  ['v1', '10.5.53.2', /not in this host's subnet, 10\.5\.52\.0\/24/],
  ['v1', '10.5.52.0', /own in the overlay/],
  ['v1', '10.5.52.1', /gateway/],
  ['v1', '10.5.52.9', /own, on cni0/],
  ['v1', '10.5.52.255', /broadcast/],
];

for (const [device, address, message] of refused) {
  test(`${address} on ${device} is refused: ${message}`, async () => {
    const { host, kernel } = await joinedHost();
    await using _ = host;
    await assert.rejects(add(host, device, address), message);
    assert.deepEqual(kernel.ops, []);
    assert.deepEqual(await readEndpointFile(host.settings, await networkNamespaceInode()), []);
  });
}

test('one address on two interfaces is refused, and the holder named', async () => {
  const { host } = await joinedHost();
  await using _ = host;
  await add(host, 'v1', '10.5.52.2');
  await assert.rejects(add(host, 'v2', '10.5.52.2'), /endpoint of v1 already/);
});

test('addresses that would have one place in the map are refused', async () => {
  assert.equal(ENDPOINT_PLACES, mapLayouts.endpoints.maxEntries);
  const { host } = await joinedHost({ fastPath: true }, '10.5.0.0/18');
  await using _ = host;
  await add(host, 'v1', '10.5.1.2');
  await assert.rejects(
    add(host, 'v2', '10.5.17.2'),
    /no place for 10\.5\.17\.2 beside .*10\.5\.1\.2/,
  );
  assert.equal((await add(host, 'v2', '10.5.17.3')).changed, true);
});

test('an address whose interface has vanished goes to the next one', async () => {
  const { host } = await joinedHost();
  await using _ = host;
  await add(host, 'v1', '10.5.52.2');
  // The same name, another interface.
  const later = INTERFACES.map((link) => (link.name === 'v1' ? { ...link, index: 21 } : link));
  const world = { ...host.world, host: hostOf(later) };
  assert.deepEqual(await surveyEndpoints(world.host, host.settings), []);
  const wanted = { interface: 'v1', address: '10.5.52.2' };
  assert.equal((await addEndpoint(world, host.settings, wanted)).changed, true);
  const records = await readEndpointFile(host.settings, await networkNamespaceInode());
  const mac = '02:00:00:00:00:03';
  assert.deepEqual(records, [{ address: '10.5.52.2', interface: 'v1', index: 21, mac }]);
});

test('an index that is used again makes no endpoint of another interface', async () => {
  const { host } = await joinedHost();
  await using _ = host;
  await add(host, 'v2', '10.5.52.2');
  for (const change of [
    { name: 'v3', mac: '02:00:00:00:00:33' },
    { kind: '', name: 'eth1' },
    { leadsElsewhere: false },
  ]) {
    const later = INTERFACES.map((link) => (link.name === 'v2' ? { ...link, ...change } : link));
    assert.deepEqual(await surveyEndpoints(hostOf(later), host.settings), []);
  }
  const renamed = INTERFACES.map((link) => (link.name === 'v2' ? { ...link, name: 'v9' } : link));
  const [endpoint] = await surveyEndpoints(hostOf(renamed), host.settings);
  assert.equal(endpoint?.device, 'v9');
});

test('a list that cannot be read is warned of once, and leaves the rest of the host in step', async () => {
  const { host } = await joinedHost();
  await using _ = host;
  const path = endpointFilePath(host.settings);
  await mkdir(join(path, '..'), { recursive: true });
  const bad = '{"address":"banana","interface":"v1","index":11,"mac":"02:00:00:00:00:03"}';
  await writeFile(path, `{"version":1,"networkNamespace":1,"endpoints":[${bad}]}`);
  const warnings: string[] = [];
  const log = { ...host.world.log, warn: (message: string) => void warnings.push(message) };
  for (let look = 0; look < 2; look++)
    assert.deepEqual(await surveyEndpointsOrWarn({ ...host.world, log }, host.settings), []);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /no endpoint is served: .*endpoints\.json is not a list/);
});

test('one that was added under an earlier subnet does not keep the others from being served', () => {
  const inside = { address: '10.5.52.2', device: 'v1', gatewayMac: '02:00:00:00:00:44' };
  const outside = { ...inside, address: '10.9.0.2', device: 'v2' };
  const { ops, obstacle } = planEndpoints(observedWith({ fastPath: true }), [inside, outside]);
  assert.equal(obstacle, null);
  const written = ops.flatMap((op) => (op.op === 'endpoints.write' ? op.endpoints : []));
  assert.deepEqual(written, [inside]);
});

test('adds that run at once are all written down', async () => {
  const locks = new Set<string>();
  const lockFile = (path: string) => {
    if (locks.has(path)) return null;
    locks.add(path);
    return { release: () => void locks.delete(path) };
  };
  const { host } = await joinedHost();
  await using _ = host;
  const world = { ...host.world, lockFile };
  const addresses = Array.from({ length: 20 }, (_, index) => `10.5.52.${100 + index}`);
  await Promise.all(
    addresses.map((address) => addEndpoint(world, host.settings, { interface: 'v1', address })),
  );
  const records = await readEndpointFile(host.settings, await networkNamespaceInode());
  assert.deepEqual(records.map(({ address }) => address).sort(), addresses);
});

test('a host that has not joined, or a damaged list, is refused with a hint', async () => {
  await using bare = await testHost({ host: hostOf(INTERFACES) });
  await assert.rejects(add(bare, 'v1', '10.5.52.2'), /has not joined/);
  const { host } = await joinedHost();
  await using _ = host;
  const path = endpointFilePath(host.settings);
  await mkdir(join(path, '..'), { recursive: true });
  for (const text of ['', '{}', '{"version":2}', '{"version":1,"endpoints":[null]}']) {
    await writeFile(path, text);
    await assert.rejects(
      add(host, 'v1', '10.5.52.2'),
      (error) => error instanceof TartanError && error.code === 'FILE' && error.hint.length > 0,
    );
    assert.equal(await readFile(path, 'utf8'), text);
  }
});

test("another network namespace's list counts as nothing", async () => {
  const { host } = await joinedHost();
  await using _ = host;
  await add(host, 'v1', '10.5.52.2');
  assert.deepEqual(await readEndpointFile(host.settings, 1), []);
});

test('only what concerns endpoints is done, and only to programs of this build', () => {
  const endpoint = { address: '10.5.52.2', device: 'v1', gatewayMac: '02:00:00:00:00:44' };
  const down = { ...observedWith({ fastPath: true }), routes: [] };
  const ops = planEndpoints(down, [endpoint]).ops.map(({ op }) => op);
  assert.deepEqual(ops, ['endpoints.write', 'bpf.attach']);
  const older = { ...down, builds: { vxlan: 'fedcba9876543210' } };
  assert.match(planEndpoints(older, [endpoint]).obstacle ?? '', /not of this version/);
  const detached = { ...down, attachments: [] };
  assert.match(planEndpoints(detached, [endpoint]).obstacle ?? '', /not attached/);
});
