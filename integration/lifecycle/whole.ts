import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { Host } from '../../lab/host.ts';
import type { Lab } from '../../lab/lab.ts';
import type { JoinReport } from '../../src/agent/join.ts';
import { type Fingerprint, fingerprint } from './fingerprint.ts';
import { readSubnetEnv, storedLeases } from './support.ts';

const MAPS = [
  ...['counters', 'endpoints', 'last_answer', 'peer_counters', 'peers', 'peers_lpm'],
  ...['settings_map', 'sources'],
];
const PROGRAMS = ['endpoint_send', 'vxlan_check', 'vxlan_receive', 'vxlan_send', 'vxlan_strip'];
const PLACES = [
  ['vxlan_check', 'flannel.1'],
  ['vxlan_receive', 'eth0'],
  ['vxlan_send', 'flannel.1'],
] as const;

/**
 * Checks that a host has all that it needs and nothing else: device, routes, programs on their hooks, pins, files, one
 * lease.
 * @param report of the join that has healed it
 */
export async function assertWhole(lab: Lab, host: Host, report: JoinReport): Promise<void> {
  const found = fingerprint(host);
  assertLinks(found, report);
  assertPins(found);
  assertFiles(found, host, report);
  const own = (await storedLeases(lab)).filter(({ publicIp }) => publicIp === host.address);
  assert.deepEqual(
    own.map(({ subnet }) => subnet),
    [report.subnet],
    'one lease',
  );
}

function assertLinks({ links, routes, vnis }: Fingerprint, { subnet, mtu }: JoinReport): void {
  const [device, ...others] = links.filter(({ ifname }) => !['lo', 'eth0'].includes(ifname));
  assert(device && others.length === 0, JSON.stringify([device, ...others]));
  assert.equal(device.ifname, 'flannel.1');
  assert.equal(device.ifalias, 'tartan:default');
  assert.equal(device.mtu, mtu);
  assert(device.flags.includes('UP') && device.flags.includes('NOARP'));
  assert.deepEqual(
    device.addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`),
    [subnet.replace('/24', '/32')],
  );
  assert.deepEqual(JSON.stringify(vnis).match(/"vni":\d+/g), ['"vni":1']);
  const destinations = routes
    .filter(({ protocol }) => protocol === '116')
    .map(({ dst, dev, gateway }) => `${dst} ${gateway} ${dev}`);
  // 10.5.1.0/24 is one of the eight that cover the network; the own subnet's route is the pods'.
  const count = subnet === '10.5.1.0/24' ? 7 : 8;
  assert.equal(destinations.length, count, destinations.join('\n'));
  for (const route of destinations) assert.match(route, /^10\.5\.\S+ 169\.254\.1\.1 flannel\.1$/);
}

function assertPins({ links, pins, attached, qdiscs }: Fingerprint): void {
  const indexOf = (device: string) => links.find(({ ifname }) => ifname === device)?.ifindex;
  const generations = Object.keys(pins).filter((path) =>
    /^tartan\/default\/vxlan-[^/]+\/$/.test(path),
  );
  const [generation] = generations;
  assert(generation && generations.length === 1, `one generation: ${generations}`);
  const owners = Object.keys(pins).filter((path) => /^tartan\/default\/netns-\d+\/$/.test(path));
  assert.equal(owners.length, 1, `one owner: ${owners}`);
  assert.deepEqual(
    Object.keys(pins),
    [
      ...['tartan/', 'tartan/default/', 'tartan/default/links/', generation],
      ...PLACES.map(([name, device]) => `tartan/default/links/${name}-${indexOf(device)}`),
      ...[...MAPS, ...PROGRAMS].map((name) => `${generation}${name}`),
      ...owners,
    ].sort(),
  );
  const idOf = (program: string) =>
    Number(pins[`${generation}${program}`]?.replace('prog_id ', ''));
  assert.deepEqual(attached, {
    'eth0 ingress': [idOf('vxlan_receive')],
    'flannel.1 egress': [idOf('vxlan_send')],
    'flannel.1 ingress': [idOf('vxlan_check')],
  });
  assert.doesNotMatch(JSON.stringify(qdiscs), /clsact|ingress/);
}

function assertFiles({ files, links }: Fingerprint, host: Host, { subnet }: JoinReport): void {
  assert.deepEqual(Object.keys(files), [
    ...['state/', 'state/default/', 'state/default/lock', 'state/default/state.json', 'subnet.env'],
  ]);
  const state = JSON.parse(readFileSync(`${host.stateDir}/default/state.json`, 'utf8'));
  assert.equal(state.subnet, subnet);
  assert.equal(state.vtepMac, links.find(({ ifname }) => ifname === 'flannel.1')?.address);
  assert.match(
    readSubnetEnv(host),
    new RegExp(`^FLANNEL_SUBNET=${subnet.replace('0/24', '1/24')}$`, 'm'),
  );
}
