import assert from 'node:assert/strict';
import { test } from 'node:test';
import { relevanceOf } from '../../src/agent/relevance.ts';
import type { Survey } from '../../src/agent/survey.ts';
import type { UnderlayChoice } from '../../src/agent/underlay.ts';
import type { Node } from '../../src/backend/contract.ts';
import { backendFor } from '../../src/backend/table.ts';
import type { HostChange } from '../../src/kernel/contract.ts';
import { parseConfig } from '../../src/lease/config.ts';
import type { Lease } from '../../src/lease/lease.ts';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import type { ObservedLink } from '../../src/plan/links.ts';
import { NO_CHOICE, NO_POLICY, vxlanAttributes } from './world.ts';

const lease = (subnet: string, publicIp: string): Lease => ({
  subnet: parsePrefix(subnet),
  attributes: vxlanAttributes(publicIp, '02:00:00:00:00:03'),
  expiresAt: 'unknown',
  revision: 1,
});
const OWN = lease('10.5.52.0/24', '192.168.64.3');
const LEASES = new Map(
  [OWN, lease('10.5.7.0/24', '10.20.0.7'), lease('10.5.8.0/24', '10.20.0.8')].map((one) => [
    `${one.attributes.publicIp}`,
    one,
  ]),
);

const CLASSIC: ObservedLink = {
  ...{ name: 'flannel.1', kind: 'classic', mac: '02:00:00:00:00:01', mtu: 1450, port: 8472 },
  ...{ vni: 1, underlay: 'eth0', underlayAddress: '192.168.64.3', gbp: false, up: true },
};

const PAIR: ObservedLink = {
  ...{ name: 'flannel0', kind: 'pair', far: 'flannel0.far', mac: '02:75:64:70:00:00', mtu: 1472 },
  ...{ tuned: true, up: true },
};

const NODE: Node = {
  interface: { name: 'eth0', address: '192.168.64.3', prefixLength: 24, mtu: 1500 },
  publicIp: '192.168.64.3',
  attach: { by: 'tcx', xdp: false },
  links: [PAIR, CLASSIC],
  endpoints: [{ address: '10.5.52.7', device: 'veth7', gatewayMac: '02:00:00:00:00:aa' }],
  netfilter: null,
  dataplane: { kind: 'bpf', reason: null },
  routes: null,
};

function concerns(
  change: HostChange,
  ifaces: readonly string[] = [],
  node: Partial<Node> = {},
  choice: Partial<UnderlayChoice> = {},
) {
  const config = parseConfig('{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}');
  const found: Survey = {
    config,
    backend: backendFor('vxlan'),
    node: { ...NODE, ...node },
    policy: NO_POLICY,
    others: [],
  };
  const outlook = { choice: { ...NO_CHOICE, ifaces, ...choice }, found, own: OWN, leases: LEASES };
  return relevanceOf(() => outlook)(change);
}

const link = (device: string, before = device, formerMac: string | null = null): HostChange => ({
  of: 'link',
  device,
  before,
  formerMac,
});
const address = (device: string, text = '192.168.64.9'): HostChange => ({
  of: 'address',
  device,
  address: parseIpv4(text),
});
const route = (destination: string, rest: object = {}): HostChange => ({
  of: 'route',
  device: 'veth9',
  destination: parsePrefix(destination),
  ours: false,
  gone: false,
  ...rest,
});

test('links: the underlay, ours, what may stand in our way, endpoints; nobody else’s', () => {
  for (const name of ['eth0', 'flannel0', 'flannel0.far', 'flannel.1', 'flannel.7', 'veth7']) {
    assert(concerns(link(name)), name);
    assert(concerns(address(name)), `an address of ${name}`);
    assert(concerns({ of: 'traffic', device: name }), `a filter of ${name}`);
  }
  assert(concerns(link('wan0', 'eth0')), 'renamed');
  assert(concerns(link('eth0', 'wan0')), 'renamed back');
  assert(concerns(link('cni0', 'cni0', '02:00:00:00:00:aa')), 'a gateway of endpoints');
  for (const name of ['veth8', 'docker0', 'lo', '']) {
    assert(!concerns(link(name)), name);
    assert(!concerns(link(name, name, '02:00:00:00:00:bb')), name);
    assert(!concerns(address(name)), name);
    assert(!concerns({ of: 'traffic', device: name }), name);
  }
});

test('what --iface names, by name or address, though it is not there yet', () => {
  assert(!concerns(link('eth7')));
  assert(concerns(link('eth7'), ['eth7']));
  assert(!concerns(address('eth7', '10.1.1.1')));
  assert(concerns(address('eth7', '10.1.1.1'), ['10.1.1.1']));
});

test('routes: into the network, and ours that go; not those of the own pods, nor ours that come', () => {
  assert(concerns(route('10.5.0.0/16')));
  assert(concerns(route('10.5.7.0/24')));
  assert(concerns(route('10.5.7.0/24', { gone: true })));
  assert(concerns(route('10.0.0.0/8')));
  assert(!concerns(route('10.5.52.0/24')), 'the bridge of the own pods');
  assert(!concerns(route('10.5.52.7/32')), 'one pod');
  assert(!concerns(route('10.6.0.0/16')));
  assert(!concerns(route('192.168.64.0/24')));
  assert(!concerns(route('10.5.7.0/24', { ours: true })));
  assert(concerns(route('10.5.7.0/24', { ours: true, gone: true })));
  assert(!concerns(route('10.9.7.0/24', { ours: true, gone: true })), 'another network');
  assert(concerns(route('10.9.7.0/24', { ours: true, gone: true, device: 'flannel.1' })));
});

test('the default route, unless --iface makes it none of our business', () => {
  assert(concerns(route('0.0.0.0/0')));
  assert(!concerns(route('0.0.0.0/0'), ['eth0']));
  assert(concerns(route('0.0.0.0/0'), ['eth0'], { routes: [] }));
});

test('routes that hold a peer’s PublicIP, where peers are reached directly', () => {
  for (const destination of ['10.20.0.0/24', '10.20.0.7/32', '10.20.0.8/32', '10.16.0.0/12']) {
    assert(!concerns(route(destination)), destination);
    assert(concerns(route(destination), [], { routes: [] }), destination);
  }
  for (const destination of ['10.20.1.0/24', '10.20.0.6/32', '10.20.0.9/32', '172.16.0.0/12']) {
    assert(!concerns(route(destination), [], { routes: [] }), destination);
  }
});

test('neigh and FDB entries: those that a classic device loses', () => {
  const neighbor = (device: string, gone: boolean): HostChange => ({
    of: 'neighbor',
    device,
    gone,
  });
  assert(concerns(neighbor('flannel.1', true)));
  assert(!concerns(neighbor('flannel.1', false)));
  assert(!concerns(neighbor('eth0', true)));
  assert(!concerns(neighbor('flannel.1', true), [], { links: [] }));
});

test('nftables: our table, and with FastPath what NATs', () => {
  const filter = (ours: boolean, nat: boolean): HostChange => ({ of: 'filter', ours, nat });
  const netfilter = { nat: [], blindness: null, doubt: null, forward: [] };
  assert(concerns(filter(true, false)));
  assert(!concerns(filter(false, true)));
  assert(concerns(filter(false, true), [], { netfilter }));
  assert(!concerns(filter(false, false), [], { netfilter }));
});

test('pins, and news that were lost', () => {
  assert(concerns({ of: 'pins' }));
  assert(concerns({ of: 'anything' }));
});

test('what a pattern fits, and a route to the address that tells the underlay', () => {
  const patterns = { ifacePatterns: ['^wlan', '^10[.]1[.]'] };
  const of = (choice: Partial<UnderlayChoice>) => (change: HostChange) =>
    concerns(change, [], {}, choice);
  assert.equal(of(patterns)(link('wlan0')), true);
  assert.equal(of(patterns)(link('veth9')), false);
  const address = (text: string): HostChange => ({
    of: 'address',
    device: 'x0',
    address: parseIpv4(text),
  });
  assert.equal(of(patterns)(address('10.1.2.3')), true);
  assert.equal(of(patterns)(address('10.2.2.3')), false);
  const route = (destination: string): HostChange => ({
    of: 'route',
    device: 'eth9',
    destination: parsePrefix(destination),
    ours: false,
    gone: false,
  });
  const towards = { canReach: '198.51.100.7' };
  assert.equal(of(towards)(route('198.51.100.0/24')), true);
  assert.equal(of(towards)(route('0.0.0.0/0')), true);
  assert.equal(of(towards)(route('198.51.101.0/24')), false);
  assert.equal(of({ ...towards, ...patterns })(route('198.51.100.0/24')), false);
  assert.equal(of(patterns)(route('0.0.0.0/0')), false);
});
