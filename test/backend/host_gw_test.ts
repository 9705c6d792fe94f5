import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '../../src/backend/contract.ts';
import { hostGw } from '../../src/backend/host_gw.ts';
import { TartanError } from '../../src/errors.ts';
import type { NetworkConfig } from '../../src/lease/config.ts';
import type { Lease } from '../../src/lease/lease.ts';
import type { HostRoute } from '../../src/plan/routes.ts';
import { node as bareNode, config as vxlanConfig, lease as vxlanLease } from './samples.ts';

const config: NetworkConfig = { ...vxlanConfig, backend: { type: 'host-gw', fastPath: false } };
const fast: NetworkConfig = { ...config, backend: { type: 'host-gw', fastPath: true } };

const connected: HostRoute = {
  ...{ destination: '192.168.64.0/24', via: null, device: 'eth0', metric: 0 },
};
const byDefault: HostRoute = { ...connected, destination: '0.0.0.0/0', via: '192.168.64.254' };
const node: Node = { ...bareNode, routes: [byDefault, connected] };

function lease(subnet: string, publicIp?: string): Lease {
  const { attributes, ...rest } = vxlanLease(subnet);
  return {
    ...rest,
    attributes: {
      publicIp: publicIp ?? attributes.publicIp,
      publicIpv6: null,
      backendType: 'host-gw',
    },
  };
}

const own = lease('10.5.52.0/24', '192.168.64.2');

const routeTo = (destination: string, via: string) => {
  return { destination, via, device: 'eth0', onlink: false };
};

test('a host, whole', () => {
  assert.deepEqual(
    hostGw.desired(config, node, own, [lease('10.5.7.0/24'), lease('10.5.8.0/22')]),
    {
      mode: 'default',
      reached: 2,
      network: '10.5.0.0/16',
      links: [],
      addresses: [],
      routes: [routeTo('10.5.7.0/24', '192.168.64.7'), routeTo('10.5.8.0/22', '192.168.64.8')],
      neighbors: [],
      fdb: [],
      filter: null,
      dataplane: null,
      warnings: [],
      failures: [],
    },
  );
});

test('a subnet that is on a device of this host stays there', () => {
  const bridge = { destination: '10.5.7.0/24', via: null, device: 'cni0', metric: 0 };
  const dropped = { ...bridge, destination: '10.5.8.0/24', device: '' };
  const host = { ...node, routes: [...(node.routes ?? []), bridge, dropped] };
  const leases = [lease('10.5.7.0/24'), lease('10.5.8.0/24')];
  const { routes, failures } = hostGw.desired(config, host, own, leases);
  assert.deepEqual(routes, [routeTo('10.5.8.0/24', '192.168.64.8')]);
  assert.deepEqual(failures, [
    "left out 10.5.7.0/24 of 192.168.64.7: it is on this host's own cni0; remove the address there if its pods are gone",
  ]);
});

test('the lease says no more than the PublicIP, and pods send what the underlay carries', () => {
  assert.deepEqual(
    hostGw.attributes(config, node, null, () => assert.fail('there is no MAC')),
    {
      attributes: { publicIp: '192.168.64.2', publicIpv6: null, backendType: 'host-gw' },
      mtu: 1500,
    },
  );
});

test('leases of other backends are none of its peers', () => {
  const { routes, failures } = hostGw.desired(config, node, own, [vxlanLease('10.5.7.0/24')]);
  assert.deepEqual([routes, failures], [[], []]);
});

for (const [what, peer, reason] of [
  [
    'behind a gateway',
    lease('10.5.7.0/24', '192.168.65.7'),
    /192\.168\.65\.7 is not on the layer 2 of eth0/,
  ],
  [
    'with this host’s address in its subnet',
    lease('192.168.64.0/24', '192.168.64.7'),
    /address of this host lies in it/,
  ],
  [
    'outside the network',
    lease('10.6.7.0/24', '192.168.64.7'),
    /outside the network 10\.5\.0\.0\/16/,
  ],
] as const) {
  test(`a peer ${what} is an error that names it, and the others are reached`, () => {
    const { routes, reached, failures } = hostGw.desired(config, node, own, [
      peer,
      lease('10.5.8.0/24'),
    ]);
    assert.deepEqual(routes, [routeTo('10.5.8.0/24', '192.168.64.8')]);
    assert.equal(reached, 1);
    assert.equal(failures?.length, 1);
    assert.match(failures?.[0] ?? '', reason);
    assert.match(failures?.[0] ?? '', new RegExp(peer.attributes.publicIp));
  });
}

test('a foreign route to the same subnet gives way, and that is said', () => {
  const rival = { ...connected, destination: '10.5.7.0/24', via: '192.168.64.9' };
  const blackhole = { ...connected, destination: '10.5.8.0/24', device: '' };
  const lower = { ...rival, destination: '10.5.9.0/24', metric: 100 };
  const routes = [byDefault, connected, rival, blackhole, lower];
  const peers = ['10.5.7.0/24', '10.5.8.0/24', '10.5.9.0/24'].map((subnet) => lease(subnet));
  assert.deepEqual(hostGw.desired(config, { ...node, routes }, own, peers).warnings, [
    'the route to 10.5.7.0/24 via 192.168.64.9 dev eth0 that was there gives way to one via 192.168.64.7',
    'the route to 10.5.8.0/24 that was there gives way to one via 192.168.64.8',
  ]);
});

test('FastPath takes programs, with every peer a direct one', () => {
  const { mode, dataplane } = hostGw.desired(fast, node, own, [lease('10.5.7.0/24')]);
  assert.equal(mode, 'fastpath');
  assert.deepEqual(dataplane, {
    object: 'host_gw',
    settings: {
      network: '10.5.0.0/16',
      ownSubnet: '10.5.52.0/24',
      firstSubnet: '10.5.1.0/24',
      subnetCount: 255,
      vni: 0,
      port: 0,
      device: null,
      deviceMac: '00:00:00:00:00:00',
      far: null,
      underlay: 'eth0',
      underlayAddress: '192.168.64.2',
      mtu: 1500,
      fastPath: true,
      conntrack: false,
      gbp: false,
    },
    attachments: [{ program: 'host_gw_receive', device: 'eth0', hook: 'ingress', by: 'tcx' }],
    peers: new Map([
      [
        '10.5.7.0/24',
        { subnet: '10.5.7.0/24', publicIp: '192.168.64.7', mac: '00:00:00:00:00:00', direct: true },
      ],
    ]),
    endpoints: new Map(),
  });
});

test('where no program is loaded, FastPath is off and the rest is as ever', () => {
  for (const [reason, text] of [
    ['no BPF here', 'Backend.FastPath is off on this host, which loads no programs: no BPF here'],
    [null, 'Backend.FastPath is off on this host, which loads no programs'],
  ] as const) {
    const dataplane = { kind: 'kernel', reason } as const;
    const decision = hostGw.desired(fast, { ...node, dataplane }, own, [lease('10.5.7.0/24')]);
    assert.equal(decision.mode, 'default');
    assert.equal(decision.dataplane, null);
    assert.equal(decision.routes.length, 1);
    assert.deepEqual(decision.warnings, [text]);
  }
});

test('XDP is asked for in vain', () => {
  const attach = { by: 'tcx', xdp: true } as const;
  const { warnings, dataplane } = hostGw.desired(fast, { ...node, attach }, own, []);
  assert.match(warnings.join(), /--attach xdp does nothing for host-gw/);
  assert(dataplane?.attachments.every(({ by }) => by === 'tcx'));
});

test('programs are needed for FastPath only', () => {
  assert.deepEqual([hostGw.needsPrograms(config), hostGw.needsPrograms(fast)], [false, true]);
});

test('another backend’s config is not carried', () => {
  assert.throws(
    () => hostGw.desired(vxlanConfig, node, own, []),
    (error) => error instanceof TartanError && error.code === 'INTERNAL',
  );
});

test('a peer with the broadcast address for its PublicIP is left out, and the others are not', () => {
  const peers = [lease('10.5.7.0/24', '192.168.64.255'), lease('10.5.8.0/24')];
  const { routes, failures } = hostGw.desired(config, node, own, peers);
  assert.deepEqual(routes, [routeTo('10.5.8.0/24', '192.168.64.8')]);
  assert.match(failures?.[0] ?? '', /^left out 10\.5\.7\.0\/24: its PublicIP 192\.168\.64\.255/);
});
