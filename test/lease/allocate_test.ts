import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TartanError } from '../../src/errors.ts';
import { type AllocationInput, allocate } from '../../src/lease/allocate.ts';
import { type NetworkConfig, parseConfig } from '../../src/lease/config.ts';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import { formatPrefix, parsePrefix } from '../../src/net/prefix.ts';
import { leaseOf, OWN_IP, rejectedKey } from './samples.ts';

const CONFIG = parseConfig(
  '{"Network":"10.3.0.0/16","SubnetMin":"10.3.1.0","SubnetMax":"10.3.5.0"}',
);

/** Decides for 10.3.0.0/16 with subnets 1 to 5; the random source takes the first candidate. */
function decide(input: Partial<AllocationInput>) {
  const decision = allocate({
    ...{ config: CONFIG, leases: [], rejected: [], previousSubnet: null, publicIp: OWN_IP },
    random: () => 0,
    ...input,
  });
  const subnet = decision.kind === 'keep' ? decision.lease.subnet : decision.subnet;
  return {
    kind: decision.kind,
    subnet: formatPrefix(subnet),
    remove: decision.remove.map((lease) => formatPrefix(lease.subnet)),
  };
}

const created = (subnet: string) => ({ kind: 'create', subnet, remove: [] });
const kept = (subnet: string) => ({ kind: 'keep', subnet, remove: [] });

test('the only free subnet is taken', () => {
  const leases = [1, 2, 4, 5].map((third) => leaseOf(`10.3.${third}.0/24`));
  assert.deepEqual(decide({ leases }), created('10.3.3.0/24'));
});

test('every subnet from min to max can be picked, no other', () => {
  const picks = [0, 1, 2, 3, 4].map((pick) => decide({ random: () => pick }).subnet);
  assert.deepEqual(
    picks,
    [1, 2, 3, 4, 5].map((third) => `10.3.${third}.0/24`),
  );
});

test('the random source is asked for one of the window, and of what is free', () => {
  const limits: number[] = [];
  const random = (limit: number) => limits.push(limit) - limits.length;
  const config = parseConfig('{"Network":"10.3.0.0/16"}');
  decide({ config, random });
  decide({ config, random, window: 200 });
  decide({ config, random, window: 1000 });
  decide({ random, leases: [leaseOf('10.3.2.0/24')] });
  assert.deepEqual(limits, [100, 200, 255, 4]);
});

test('the default random source spreads nodes over the window', () => {
  const config = parseConfig('{"Network":"10.3.0.0/16"}');
  const input = { config, leases: [], rejected: [], previousSubnet: null, publicIp: OWN_IP };
  const picks = Array.from({ length: 1000 }, () => {
    const decision = allocate(input);
    return decision.kind === 'create' ? decision.subnet.address : 0;
  });
  assert.ok(new Set(picks).size > 90);
});

test('a lease with our PublicIP that fits is kept', () => {
  const leases = [leaseOf('10.3.1.0/24'), leaseOf('10.3.4.0/24', OWN_IP)];
  assert.deepEqual(decide({ leases }), kept('10.3.4.0/24'));
  assert.deepEqual(
    decide({ leases, previousSubnet: parsePrefix('10.3.2.0/24') }),
    kept('10.3.4.0/24'),
  );
});

test('after a change of PublicIP, the lease of the last join is kept as long as it is ours', () => {
  const vxlan = { vni: 1, vtepMac: '02:00:00:00:00:07' };
  const attributes = { publicIp: '1.1.1.1', publicIpv6: null, backendType: 'vxlan', vxlan };
  const leases = [leaseOf('10.3.4.0/24', '1.1.1.1', { attributes }), leaseOf('10.3.1.0/24')];
  const former = (rest = {}) => ({
    subnet: parsePrefix('10.3.4.0/24'),
    publicIp: '1.1.1.1',
    vtepMac: vxlan.vtepMac,
    ...rest,
  });
  assert.deepEqual(decide({ leases, remembered: { self: former() } }), kept('10.3.4.0/24'));
  for (const other of [
    { vtepMac: '02:00:00:00:00:08' },
    { publicIp: '1.1.1.2' },
    { subnet: parsePrefix('10.3.1.0/24') },
  ]) {
    assert.deepEqual(decide({ leases, remembered: { self: former(other) } }).kind, 'create');
  }
});

test('of several that fit, a reservation is kept, else the previous subnet, else the lowest', () => {
  const leases = [leaseOf('10.3.4.0/24', OWN_IP), leaseOf('10.3.2.0/24', OWN_IP)];
  assert.deepEqual(decide({ leases }), kept('10.3.2.0/24'));
  const previousSubnet = parsePrefix('10.3.4.0/24');
  assert.deepEqual(decide({ leases, previousSubnet }), kept('10.3.4.0/24'));
  const reserved = leaseOf('10.3.5.0/24', OWN_IP, { expiresAt: 'never' });
  assert.deepEqual(decide({ leases: [...leases, reserved], previousSubnet }), kept('10.3.5.0/24'));
});

test('own leases of an earlier config are removed, and their subnets are free', () => {
  const unfit = ['10.3.9.0/24', '10.3.2.0/25', '10.3.0.0/22', '10.9.0.0/24'];
  const leases = unfit.map((subnet) => leaseOf(subnet, OWN_IP));
  assert.deepEqual(decide({ leases }), { kind: 'create', subnet: '10.3.1.0/24', remove: unfit });
  assert.deepEqual(decide({ leases: [...leases, leaseOf('10.3.4.0/24', OWN_IP)] }), {
    ...kept('10.3.4.0/24'),
    remove: unfit,
  });
});

test("other nodes' leases are never removed, whether they fit or not", () => {
  const leases = ['10.3.9.0/24', '10.3.1.0/25', '10.9.0.0/24'].map((subnet) => leaseOf(subnet));
  assert.deepEqual(decide({ leases }), created('10.3.2.0/24'));
});

test('a reservation of ours is kept anywhere in the network and in any length', () => {
  for (const subnet of ['10.3.3.0/24', '10.3.200.0/24', '10.3.4.0/22', '10.3.2.64/26']) {
    const leases = [leaseOf(subnet, OWN_IP, { expiresAt: 'never' })];
    assert.deepEqual(decide({ leases }), kept(subnet));
  }
});

test('a reservation that no network can hold is removed like any unfitting lease', () => {
  for (const subnet of ['10.4.0.0/24', '10.3.0.0/16', '10.0.0.0/8', '10.3.2.0/31']) {
    const leases = [leaseOf(subnet, OWN_IP, { expiresAt: 'never' })];
    assert.deepEqual(decide({ leases }), { ...created('10.3.1.0/24'), remove: [subnet] });
  }
});

test('the previous subnet is taken if it is free and fits', () => {
  const previousSubnet = parsePrefix('10.3.4.0/24');
  assert.deepEqual(decide({ previousSubnet }), created('10.3.4.0/24'));
  for (const taken of ['10.3.4.0/24', '10.3.4.128/26', '10.3.4.0/22']) {
    const input = { previousSubnet, leases: [leaseOf(taken)] };
    assert.deepEqual(decide(input), created('10.3.1.0/24'));
  }
  const rejected = [rejectedKey('10.3.4.0-24', previousSubnet)];
  assert.deepEqual(decide({ previousSubnet, rejected }), created('10.3.1.0/24'));
});

test('a previous subnet that does not fit is ignored', () => {
  for (const previous of ['10.3.0.0/24', '10.3.6.0/24', '10.3.2.0/25', '10.4.2.0/24']) {
    const input = { previousSubnet: parsePrefix(previous) };
    assert.deepEqual(decide(input), created('10.3.1.0/24'));
  }
});

test('subnets of other lengths and rejected keys are in the way too', () => {
  const leases = [leaseOf('10.3.0.0/23'), leaseOf('10.3.2.64/26')];
  const rejected = [
    rejectedKey('10.3.3.0-24', parsePrefix('10.3.3.0/24')),
    rejectedKey('10.3.4.0-24&fd00:12:13::-56'),
    rejectedKey('hello'),
  ];
  assert.deepEqual(decide({ leases, rejected }), created('10.3.5.0/24'));
});

function assertOutOfSubnets(input: Partial<AllocationInput>, ...named: string[]): void {
  assert.throws(
    () => decide(input),
    (error) => {
      assert.ok(error instanceof TartanError);
      assert.equal(error.code, 'OUT_OF_SUBNETS');
      assert.equal(error.exitCode, 75);
      for (const name of named) assert.ok(error.message.includes(name), error.message);
      return true;
    },
  );
}

test('none left: the error says how many are in use', () => {
  const leases = [1, 2, 3, 4, 5, 77].map((third) => leaseOf(`10.3.${third}.0/24`));
  assertOutOfSubnets({ leases }, '5 in use', 'of the 5', '10.3.0.0/16', '10.3.1.0', '10.3.5.0');
  assertOutOfSubnets({ leases: [leaseOf('10.0.0.0/8')] }, '1 in use', 'of the 5');
});

test('networks at both ends of the address space', () => {
  const at = (network: string, subnetMin: string, subnetMax: string): NetworkConfig => ({
    ...parseConfig('{"Network":"10.0.0.0/8"}'),
    network: parsePrefix(network),
    subnetMin: parseIpv4(subnetMin),
    subnetMax: parseIpv4(subnetMax),
  });
  const high = at('255.255.0.0/16', '255.255.255.0', '255.255.255.0');
  assert.deepEqual(decide({ config: high }), created('255.255.255.0/24'));
  assertOutOfSubnets({ config: high, leases: [leaseOf('255.255.255.128/25')] }, 'of the 1 ');
  const low = at('0.0.0.0/8', '0.0.1.0', '0.255.255.0');
  assert.deepEqual(decide({ config: low, leases: [leaseOf('0.0.1.0/24')] }), created('0.0.2.0/24'));
});
