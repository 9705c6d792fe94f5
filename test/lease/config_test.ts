import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TartanError } from '../../src/errors.ts';
import { parseConfig } from '../../src/lease/config.ts';
import { formatIpv4 } from '../../src/net/ipv4.ts';
import {
  formatPrefix,
  lastAddress,
  parsePrefix,
  prefixContains,
  prefixSize,
} from '../../src/net/prefix.ts';
import { aConfig } from '../arbitraries.ts';
import { assertInvalid, parseWith } from './configs.ts';

test('the smallest config has all defaults', () => {
  assert.deepEqual(parseConfig('{"Network":"10.5.0.0/16"}'), {
    network: parsePrefix('10.5.0.0/16'),
    subnetLength: 24,
    subnetMin: parsePrefix('10.5.1.0/24').address,
    subnetMax: parsePrefix('10.5.255.0/24').address,
    backend: { type: 'udp', port: 8285, fastPath: false },
  });
});

test('keys match in any case, unknown ones are ignored, Type is lower-cased', () => {
  const config = parseConfig(
    '{"NETWORK":"10.5.7.9/16","subnetLEN":26,"Comment":[],"backend":{"TYPE":"VxLan","vni":7,"PORT":4789,"fastpath":true,"SlowPath":1}}',
  );
  assert.equal(formatPrefix(config.network), '10.5.0.0/16');
  assert.equal(config.subnetLength, 26);
  assert.deepEqual(config.backend, {
    type: 'vxlan',
    vni: 7,
    port: 4789,
    gbp: false,
    directRouting: false,
    fastPath: true,
    mtu: 0,
  });
});

test('null, 0 and 0.0.0.0 count as absent, as they do in Go', () => {
  const empty = {
    ...{ SubnetLen: 0, SubnetMin: '0.0.0.0', SubnetMax: null, EnableIPv6: null },
    Backend: { Type: 'vxlan', VNI: null, Port: 0, MTU: 0, GBP: null },
  };
  assert.deepEqual(parseWith(empty), parseWith({ Backend: { Type: 'vxlan' } }));
});

for (const [network, length] of [
  ...([
    [8, 24],
    [21, 24],
    [22, 24],
    [23, 25],
    [24, 26],
    [28, 30],
  ] as const),
]) {
  test(`a network of /${network} is cut into subnets of /${length}`, () => {
    const config = parseConfig(`{"Network":"10.0.0.0/${network}"}`);
    assert.equal(config.subnetLength, length);
  });
}

test('min and max are taken as they are given', () => {
  const config = parseWith({ SubnetLen: 22, SubnetMin: '10.5.0.0', SubnetMax: '10.5.4.0' });
  assert.equal(formatIpv4(config.subnetMin), '10.5.0.0');
  assert.equal(formatIpv4(config.subnetMax), '10.5.4.0');
  const one = parseWith({ SubnetMin: '10.5.9.0', SubnetMax: '10.5.9.0' });
  assert.equal(one.subnetMin, one.subnetMax);
});

test('every config that can be is read as it was meant', () => {
  fc.assert(
    fc.property(aConfig, ({ network, subnetLength, subnetMin, subnetMax, backend }) => {
      const config = parseConfig(
        JSON.stringify({
          Network: formatPrefix(network),
          SubnetLen: subnetLength,
          SubnetMin: formatIpv4(subnetMin),
          SubnetMax: formatIpv4(subnetMax),
        }),
      );
      // An explicit 0.0.0.0 is flannel's absent.
      const min = subnetMin || network.address + prefixSize(subnetLength);
      const max = subnetMax || lastAddress(network) - prefixSize(subnetLength) + 1;
      assert.deepEqual(config, { network, subnetLength, subnetMin: min, subnetMax: max, backend });
    }),
  );
});

test('whatever the numbers, a config is refused or within bounds', () => {
  const keys = fc.record({
    length: fc.nat({ max: 33 }),
    SubnetLen: fc.option(fc.integer({ min: -1, max: 33 }), { nil: undefined }),
    SubnetMin: fc.option(fc.ipV4(), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.ipV4(), keys, (address, { length, ...rest }) => {
      try {
        const text = JSON.stringify({ Network: `${address}/${length}`, ...rest });
        const { network, subnetLength, subnetMin, subnetMax } = parseConfig(text);
        assert.ok(subnetLength >= network.length + 2 && subnetLength <= 30);
        assert.ok(prefixContains(network, subnetMin) && prefixContains(network, subnetMax));
        assert.equal((subnetMin | subnetMax) & (prefixSize(subnetLength) - 1), 0);
        assert.ok(subnetMin <= subnetMax);
      } catch (error) {
        assert.ok(error instanceof TartanError && error.code === 'CONFIG_INVALID', String(error));
      }
    }),
  );
});

const WITH: [keys: object, ...named: string[]][] = [
  [{ Network: '10.5.0.0' }, 'Network', '10.5.0.0'],
  [{ Network: '10.5.0.0/33' }, 'Network', '10.5.0.0/33'],
  [{ Network: '0.0.0.0/0' }, 'Network', '0.0.0.0/0'],
  [{ Network: 'fd00::/48' }, 'Network', 'fd00::/48'],
  [{ Network: 10 }, 'Network', '10'],
  [{ Network: null }, 'Network'],
  [{ Network: '10.5.0.0/29' }, 'Network', '10.5.0.0/29', 'too small'],
  [{ SubnetLen: 17 }, 'SubnetLen', '17', '10.5.0.0/16'],
  [{ SubnetLen: 31 }, 'SubnetLen', '31'],
  [{ SubnetLen: 64 }, 'SubnetLen', '64'],
  [{ SubnetLen: -1 }, 'SubnetLen', '-1'],
  [{ SubnetLen: 24.5 }, 'SubnetLen', '24.5'],
  [{ SubnetLen: '24' }, 'SubnetLen', '"24"'],
  [{ SubnetMin: '10.6.0.0' }, 'SubnetMin', '10.6.0.0', '10.5.0.0/16'],
  [{ SubnetMax: '10.4.255.0' }, 'SubnetMax', '10.4.255.0', '10.5.0.0/16'],
  [{ SubnetMin: '10.5.1.1' }, 'SubnetMin', '10.5.1.1', '/24'],
  [{ SubnetMax: '10.5.1.128' }, 'SubnetMax', '10.5.1.128', '/24'],
  [{ SubnetMin: '10.5.1' }, 'SubnetMin', '10.5.1'],
  [{ SubnetMin: 7 }, 'SubnetMin', '7'],
  [{ SubnetMin: '10.5.9.0', SubnetMax: '10.5.8.0' }, '10.5.9.0', '10.5.8.0'],
  [{ EnableIPv6: true, IPv6Network: 'fd00::/48' }, 'EnableIPv6', 'true', 'not built'],
  [{ EnableIPv6: 'yes' }, 'EnableIPv6', '"yes"'],
  [{ EnableIPv4: false }, 'EnableIPv4', 'false', 'not built'],
  [{ Backend: 'vxlan' }, 'Backend'],
  [{ Backend: null }, 'Backend'],
  [{ Backend: {} }, 'Backend.Type', 'missing'],
  [{ Backend: { Type: 'vlan' } }, 'Backend.Type', '"vlan"'],
  [{ Backend: { Type: 'constructor' } }, 'Backend.Type', '"constructor"'],
  [{ Backend: { Type: 7 } }, 'Backend.Type', '7'],
];

for (const [keys, ...named] of WITH) {
  const text = JSON.stringify({ Network: '10.5.0.0/16', ...keys });
  test(`${text} is refused`, () => assertInvalid(text, ...named));
}

for (const text of ['', 'Network: 10.5.0.0/16', '{"Network":"10.5.0.0/16"', '[]', 'null', '"x"']) {
  test(`${JSON.stringify(text)} is no config`, () => assertInvalid(text, 'the network config'));
}

for (const [network, what] of [
  ['0.0.0.0/8', '"this network"'],
  ['127.0.0.0/8', 'loopback'],
  ['126.0.0.0/7', 'loopback'],
  ['127.5.0.0/16', 'loopback'],
  ['169.254.0.0/16', 'link-local'],
  ['224.0.0.0/4', 'multicast'],
  ['239.255.0.0/16', 'multicast'],
  ['240.0.0.0/4', 'reserved'],
  ['255.255.0.0/16', 'reserved'],
] as const) {
  test(`${network} is refused as a network: ${what}`, () =>
    assertInvalid(JSON.stringify({ Network: network }), network, what));
}

test('a config without Network is refused', () => assertInvalid('{}', 'Network is missing'));
