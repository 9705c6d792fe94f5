import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '../../src/backend/contract.ts';
import { vxlan } from '../../src/backend/vxlan.ts';
import { TartanError } from '../../src/errors.ts';
import type { NetworkConfig } from '../../src/lease/config.ts';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import type { ObservedLink } from '../../src/plan/links.ts';
import { config, lease, node, own, withInterface, withOptions } from './samples.ts';

const RANDOM_MAC = '02:99:99:99:99:99';
const randomMac = () => RANDOM_MAC;

function offer(network: NetworkConfig, host: Node, earlier: typeof own | null = null) {
  return vxlan.attributes(network, host, earlier, randomMac);
}

const device: ObservedLink = {
  name: 'flannel.1',
  kind: 'foreign',
  detail: 'vxlan id 1 dstport 8472',
  mac: 'c6:d2:32:6f:8f:44',
  classic: { vni: 1, port: 8472 },
  network: null,
  socket: null,
};

test('the lease publishes PublicIP, VNI and MAC', () => {
  const nated = { ...node, publicIp: '203.0.113.7' };
  assert.deepEqual(offer(withOptions({ vni: 7 }), nated), {
    attributes: {
      publicIp: '203.0.113.7',
      publicIpv6: null,
      backendType: 'vxlan',
      vxlan: { vni: 7, vtepMac: RANDOM_MAC },
    },
    mtu: 1450,
  });
});

for (const [what, links, earlier, expected] of [
  ["the existing device's", [device], own, device.mac],
  ["the earlier lease's, if there is no device", [], own, '02:00:00:00:00:01'],
  ["the earlier lease's, if the device is another", [{ ...device, name: 'flannel.2' }], own, null],
  ["the existing device's, without an earlier lease", [device], null, device.mac],
  ['random, if there is neither', [], null, RANDOM_MAC],
  [
    'random, if the earlier lease is of another backend',
    [],
    { ...own, attributes: { publicIp: '192.168.64.2', publicIpv6: null, backendType: 'host-gw' } },
    RANDOM_MAC,
  ],
] as const) {
  test(`the MAC is ${what}`, () => {
    const { attributes } = offer(config, { ...node, links }, earlier);
    assert.equal(attributes.vxlan?.vtepMac, expected ?? '02:00:00:00:00:01');
  });
}

for (const [underlay, option, expected] of [
  [1500, 0, 1450],
  [9000, 0, 8950],
  [9000, 1500, 1450],
  [1500, 1500, 1450],
  [118, 0, 68],
] as const) {
  test(`Backend.MTU ${option} on an interface of ${underlay}: pods may send ${expected}`, () => {
    const host = withInterface({ mtu: underlay });
    assert.equal(offer(withOptions({ mtu: option }), host).mtu, expected);
    assert.equal(
      vxlan.desired(withOptions({ mtu: option }), host, own, []).links[0]?.mtu,
      expected,
    );
  });
}

for (const [underlay, option] of [
  [1500, 1501],
  [117, 0],
  [1500, 117],
] as const) {
  test(`Backend.MTU ${option} on an interface of ${underlay} is an error`, () => {
    assertInvalid(
      () => offer(withOptions({ mtu: option }), withInterface({ mtu: underlay })),
      [`${option || underlay}`, 'eth0'],
    );
  });
}

function assertInvalid(action: () => unknown, words: readonly string[]): void {
  assert.throws(action, (error) => {
    assert(error instanceof TartanError);
    assert.equal(error.code, 'CONFIG_INVALID');
    for (const word of words) assert(error.message.includes(word), error.message);
    return true;
  });
}

test('a host of a network, whole', () => {
  const device = 'flannel.1';
  const peer = lease('10.5.7.0/24');
  assert.deepEqual(vxlan.desired(config, node, own, [peer]), {
    mode: 'default',
    reached: 1,
    network: '10.5.0.0/16',
    filter: null,
    links: [
      {
        name: device,
        kind: 'vxlan',
        mac: '02:00:00:00:00:01',
        mtu: 1450,
        port: 8472,
        vni: 1,
        gbp: false,
        up: true,
      },
    ],
    addresses: [{ device, address: '10.5.52.0/32' }],
    routes: [
      ['10.5.1.0/24', '10.5.2.0/23', '10.5.4.0/22', '10.5.8.0/21'],
      ['10.5.16.0/20', '10.5.32.0/19', '10.5.64.0/18', '10.5.128.0/17'],
    ]
      .flat()
      .map((destination) => ({ destination, via: '169.254.1.1', device, onlink: true })),
    neighbors: [],
    fdb: [],
    dataplane: {
      object: 'vxlan',
      settings: {
        network: '10.5.0.0/16',
        ownSubnet: '10.5.52.0/24',
        firstSubnet: '10.5.1.0/24',
        subnetCount: 255,
        vni: 1,
        port: 8472,
        device,
        far: null,
        deviceMac: '02:00:00:00:00:01',
        underlay: 'eth0',
        underlayAddress: '192.168.64.2',
        mtu: 1450,
        fastPath: false,
        conntrack: false,
        gbp: false,
      },
      attachments: [
        { program: 'vxlan_send', device, hook: 'egress', by: 'tcx' },
        { program: 'vxlan_check', device, hook: 'ingress', by: 'tcx' },
        { program: 'vxlan_receive', device: 'eth0', hook: 'ingress', by: 'tcx' },
      ],
      endpoints: new Map(),
      peers: new Map([
        [
          '10.5.7.0/24',
          { subnet: '10.5.7.0/24', publicIp: '192.168.64.7', mac: '02:00:00:00:01:07' },
        ],
      ]),
    },
    warnings: [],
  });
});

test('options name the device, the port and the VNI', () => {
  const { links, dataplane } = vxlan.desired(withOptions({ vni: 42, port: 4789 }), node, own, []);
  assert.deepEqual(
    links.map((link) => link.kind === 'vxlan' && [link.name, link.port, link.vni]),
    [['flannel.42', 4789, 42]],
  );
  const { device, port, vni } = dataplane?.settings ?? {};
  assert.deepEqual({ device, port, vni }, { device: 'flannel.42', port: 4789, vni: 42 });
});

test('behind NAT, packets are still matched by the address of the interface', () => {
  const { dataplane } = vxlan.desired(config, { ...node, publicIp: '203.0.113.7' }, own, []);
  assert.equal(dataplane?.settings.underlayAddress, '192.168.64.2');
});

test('a network with more subnets than the peer array holds keeps the rest in the trie', () => {
  const huge: NetworkConfig = {
    ...config,
    network: { family: 'ipv4', address: parseIpv4('10.0.0.0'), length: 8 },
    subnetLength: 26,
    subnetMin: parseIpv4('10.0.0.64'),
    subnetMax: parseIpv4('10.255.255.192'),
  };
  assert.equal(vxlan.desired(huge, node, own, []).dataplane?.settings.subnetCount, 65_536);
});

test('a peer of another backend, without backend data or with another VNI is left out', () => {
  const { dataplane } = vxlan.desired(config, node, own, [
    lease('10.5.7.0/24'),
    {
      ...lease('10.5.8.0/24'),
      attributes: { publicIp: '192.168.64.8', publicIpv6: null, backendType: 'host-gw' },
    },
    lease('10.5.9.0/24', { vxlan: { vni: 2, vtepMac: '02:00:00:00:01:09' } }),
  ]);
  assert.deepEqual([...(dataplane?.peers.keys() ?? [])], ['10.5.7.0/24']);
});

test('GBP is for the device and the programs', () => {
  const { links, dataplane } = vxlan.desired(withOptions({ gbp: true }), node, own, []);
  assert.equal(links[0]?.kind === 'vxlan' && links[0].gbp, true);
  assert.equal(dataplane?.settings.gbp, true);
});
