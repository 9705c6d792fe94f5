import assert from 'node:assert/strict';
import { test } from 'node:test';
import { vxlan } from '../../src/backend/vxlan.ts';
import { node as bpfNode, config, lease, own, withOptions } from './samples.ts';

const device = 'flannel.1';
const NO_PROGRAMS = 'kernel mode, without source check and counters: no BPF here';
const node = { ...bpfNode, dataplane: { kind: 'kernel', reason: 'no BPF here' } } as const;

test('a host in kernel mode, whole', () => {
  const peers = [lease('10.5.7.0/24'), lease('10.6.8.0/22')];
  assert.deepEqual(vxlan.desired(config, node, own, peers), {
    mode: 'kernel',
    reached: 2,
    network: '10.5.0.0/16',
    filter: null,
    links: [
      {
        name: device,
        kind: 'classic',
        mac: '02:00:00:00:00:01',
        mtu: 1450,
        port: 8472,
        vni: 1,
        underlay: 'eth0',
        underlayAddress: '192.168.64.2',
        gbp: false,
        up: true,
      },
    ],
    addresses: [{ device, address: '10.5.52.0/32' }],
    routes: [
      { destination: '10.5.7.0/24', via: '10.5.7.0', device, onlink: true },
      { destination: '10.6.8.0/22', via: '10.6.8.0', device, onlink: true },
    ],
    neighbors: [
      { device, address: '10.5.7.0', mac: '02:00:00:00:01:07' },
      { device, address: '10.6.8.0', mac: '02:00:00:00:01:08' },
    ],
    fdb: [
      { device, mac: '02:00:00:00:01:07', publicIp: '192.168.64.7' },
      { device, mac: '02:00:00:00:01:08', publicIp: '192.168.64.8' },
    ],
    dataplane: null,
    warnings: [NO_PROGRAMS],
  });
});

test('the lease is the same in both modes', () => {
  const offer = (host: typeof node | typeof bpfNode) =>
    vxlan.attributes(config, host, own, () => assert.fail('the lease has a MAC'));
  assert.deepEqual(offer(node), offer(bpfNode));
});

test('options name the device, the port, the VNI and the MTU', () => {
  const { links } = vxlan.desired(withOptions({ vni: 42, port: 4789, mtu: 1400 }), node, own, []);
  assert.partialDeepStrictEqual(links, [{ name: 'flannel.42', port: 4789, vni: 42, mtu: 1350 }]);
});

test('of two peers with one MAC or one address, the lower subnet is reached, in any order', () => {
  const vxlanData = { vni: 1, vtepMac: '02:00:00:00:01:07' };
  const peers = [
    lease('10.5.9.0/24', { vxlan: vxlanData }),
    lease('10.5.7.0/24'),
    lease('10.5.7.0/26', { vxlan: { vni: 1, vtepMac: '02:00:00:00:01:33' } }),
    lease('10.5.8.0/24', { vxlan: { vni: 1, vtepMac: '02:00:00:00:00:01' } }),
  ];
  for (const order of [peers, peers.toReversed()]) {
    const { routes, neighbors, fdb, warnings } = vxlan.desired(config, node, own, order);
    assert.deepEqual([routes.length, neighbors.length, fdb.length], [1, 1, 1]);
    assert.equal(routes[0]?.destination, '10.5.7.0/24');
    assert.deepEqual(warnings, [
      NO_PROGRAMS,
      'left out 10.5.7.0/26: in kernel mode it cannot share 10.5.7.0 with 10.5.7.0/24',
      'left out 10.5.8.0/24: in kernel mode it cannot share 02:00:00:00:00:01 with this host',
      'left out 10.5.9.0/24: in kernel mode it cannot share 02:00:00:00:01:07 with 10.5.7.0/24',
    ]);
  }
});
