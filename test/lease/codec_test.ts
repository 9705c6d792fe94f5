import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TartanError } from '../../src/errors.ts';
import {
  claimedSubnet,
  decodeAttributes,
  decodeSubnetKey,
  encodeAttributes,
  encodeSubnetKey,
} from '../../src/lease/codec.ts';
import type { LeaseAttributes } from '../../src/lease/lease.ts';
import { formatPrefix, parsePrefix } from '../../src/net/prefix.ts';
import { aPrefix, someAttributes, vxlanAttributes } from '../arbitraries.ts';

const VXLAN: LeaseAttributes = {
  publicIp: '192.168.64.3',
  publicIpv6: null,
  backendType: 'vxlan',
  vxlan: { vni: 1, vtepMac: 'c6:d2:32:6f:8f:44' },
};

test('a subnet key is spelled as flannel does', () => {
  assert.equal(encodeSubnetKey(parsePrefix('10.5.52.0/24')), '10.5.52.0-24');
  assert.deepEqual(decodeSubnetKey('10.5.52.0-24'), parsePrefix('10.5.52.0/24'));
});

test('a subnet survives being written as a key and read', () => {
  fc.assert(
    fc.property(aPrefix, (subnet) =>
      assert.deepEqual(decodeSubnetKey(encodeSubnetKey(subnet)), subnet),
    ),
  );
});

const INVALID_KEYS = [
  // What flannel rejects.
  ...['10', '10.12.13.0', '10.12.13-24', '10.12.13.300-24', '10.12.13.0-24hi', '&2001::-56'],
  ...['10.12.13.0-24&:12:13:-56', '10.12.13.0-24&20011::-56', '10.12.13.0-24&2001-56'],
  ...['10.12.13.0-24&2001::', '10.12.13.0-24&2001::-56hi'],
  // What is no key of ours either.
  ...['', '10.12.13.1-24', '10.12.13.0-33', '10.12.13.0-024', '010.12.13.0-24', 'x10.12.13.0-24'],
  ...['10.12.13.0/24', '10.12.13.0-24\n', ' 10.12.13.0-24', '10.12.13.0-', '10.12.13.0--24'],
  ...[
    '10.12.13.0-24-24',
    '10.12.13.0-24&fd00:12:13::-56',
    'a/10.12.13.0-24',
    '-24',
    '10.5.52.0-2e1',
  ],
];

for (const key of INVALID_KEYS) {
  test(`${JSON.stringify(key)} is no subnet key`, () => assert.equal(decodeSubnetKey(key), null));
}

test('what is read as a key is written the same', () => {
  const nearlyKey = fc
    .array(fc.constantFrom('10', '.', '0', '-', '24', '8', '255', '256', '&'), { maxLength: 10 })
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.oneof(nearlyKey, fc.string()), (key) => {
      const subnet = decodeSubnetKey(key);
      return subnet === null || encodeSubnetKey(subnet) === key;
    }),
  );
});

test('a key that we cannot use still claims its subnet', () => {
  const claimed = (key: string) => {
    const subnet = claimedSubnet(key);
    return subnet && formatPrefix(subnet);
  };
  assert.equal(claimed('10.12.13.0-24&fd00:12:13::-56'), '10.12.13.0/24');
  assert.equal(claimed('10.12.13.7-24'), '10.12.13.0/24');
  assert.equal(claimed('10.12.13.0-24'), '10.12.13.0/24');
  for (const key of [
    '',
    'hello',
    '10.12.13.0-24hi',
    '&2001::-56',
    '10.12.13.300-24',
    '1.2.3.4-33',
  ]) {
    assert.equal(claimed(key), null);
  }
});

const BYTES: [LeaseAttributes, string][] = [
  [
    VXLAN,
    '{"PublicIP":"192.168.64.3","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}}',
  ],
  [
    { publicIp: '1.2.3.4', publicIpv6: null, backendType: '' },
    '{"PublicIP":"1.2.3.4","PublicIPv6":null}',
  ],
  [
    { publicIp: '1.2.3.4', publicIpv6: null, backendType: 'host-gw' },
    '{"PublicIP":"1.2.3.4","PublicIPv6":null,"BackendType":"host-gw"}',
  ],
  [
    { publicIp: '1.2.3.4', publicIpv6: 'fd00::1', backendType: '' },
    '{"PublicIP":"1.2.3.4","PublicIPv6":"fd00::1"}',
  ],
];

for (const [attributes, bytes] of BYTES) {
  test(`${attributes.backendType || 'plain'} attributes are written byte for byte as flannel does`, () => {
    assert.equal(encodeAttributes(attributes), bytes);
    assert.deepEqual(decodeAttributes(bytes), attributes);
  });
}

test('attributes survive being written and read', () => {
  fc.assert(
    fc.property(someAttributes, (attributes) =>
      assert.deepEqual(decodeAttributes(encodeAttributes(attributes)), attributes),
    ),
  );
});

test('the order of keys in memory does not change the bytes', () => {
  fc.assert(
    fc.property(vxlanAttributes, ({ vxlan, publicIp, backendType, publicIpv6 }) =>
      assert.equal(
        encodeAttributes({ ...(vxlan && { vxlan }), backendType, publicIpv6, publicIp }),
        encodeAttributes({ publicIp, publicIpv6, backendType, ...(vxlan && { vxlan }) }),
      ),
    ),
  );
});

test('old values without PublicIPv6 and VNI are accepted', () => {
  const old =
    '{"PublicIP":"192.168.64.3","BackendType":"vxlan","BackendData":{"VtepMAC":"c6:d2:32:6f:8f:44"}}';
  assert.deepEqual(decodeAttributes(old), VXLAN);
  assert.deepEqual(decodeAttributes('{ "PublicIP": "1.1.1.1" }'), {
    publicIp: '1.1.1.1',
    publicIpv6: null,
    backendType: '',
  });
});

test('keys match in any case, unknown ones are ignored, a MAC is normalized', () => {
  const text =
    '{"x":[1],"publicip":"192.168.64.3","PUBLICIPV6":null,"BackendTYPE":"vxlan","backendData":{"vni":1,"y":{},"VTEPMAC":"C6-D2-32-6F-8F-44"}}';
  assert.deepEqual(decodeAttributes(text), VXLAN);
});

test("other backends' data is not looked at", () => {
  const text =
    '{"PublicIP":"1.2.3.4","PublicIPv6":null,"BackendType":"wireguard","BackendData":{"PublicKey":"a","Port":51820}}';
  assert.equal(decodeAttributes(text).backendType, 'wireguard');
  assert.equal('vxlan' in decodeAttributes(text), false);
});

const vxlanWith = (data: string) =>
  `{"PublicIP":"1.2.3.4","BackendType":"vxlan","BackendData":${data}}`;

const GARBAGE: [text: string, named: string][] = [
  ['', 'not JSON'],
  ['\u0000\u0001\ufffd', 'not JSON'],
  ['{"PublicIP":"1.2.3.4"', 'not JSON'],
  ['null', 'not an object'],
  ['[]', 'not an object'],
  ['"1.2.3.4"', 'not an object'],
  ['{}', 'PublicIP (absent)'],
  ['{"PublicIP":null}', 'PublicIP null'],
  ['{"PublicIP":"1.2.3"}', 'PublicIP "1.2.3"'],
  ['{"PublicIP":"0.0.0.0"}', 'PublicIP "0.0.0.0"'],
  ['{"PublicIP":16909060}', 'PublicIP 16909060'],
  ['{"PublicIP":"1.2.3.4","PublicIPv6":7}', 'PublicIPv6 7'],
  ['{"PublicIP":"1.2.3.4","BackendType":["vxlan"]}', 'BackendType ["vxlan"]'],
  ['{"PublicIP":"1.2.3.4","BackendType":"vxlan"}', 'BackendData'],
  [vxlanWith('"{}"'), 'BackendData'],
  [vxlanWith('{"VNI":1}'), 'VtepMAC (absent)'],
  [vxlanWith('{"VtepMAC":"c6:d2"}'), 'VtepMAC "c6:d2"'],
  [vxlanWith('{"VNI":-1,"VtepMAC":"c6:d2:32:6f:8f:44"}'), 'VNI -1'],
  [vxlanWith('{"VNI":1.5,"VtepMAC":"c6:d2:32:6f:8f:44"}'), 'VNI 1.5'],
  [vxlanWith('{"VNI":"1","VtepMAC":"c6:d2:32:6f:8f:44"}'), 'VNI "1"'],
  [vxlanWith('{"VNI":16777216,"VtepMAC":"c6:d2:32:6f:8f:44"}'), 'VNI 16777216'],
];

for (const [text, named] of GARBAGE) {
  test(`${JSON.stringify(text)} is no lease: ${named}`, () => {
    assert.throws(
      () => decodeAttributes(text),
      (error) =>
        error instanceof TartanError &&
        error.code === 'STORE_FAILED' &&
        error.message.includes(named) &&
        error.message.length < 600,
    );
  });
}

test('any bytes give attributes or STORE_FAILED, with a message of bounded length', () => {
  const text = fc.oneof(
    fc.string(),
    fc.json(),
    fc.string({ minLength: 1000, maxLength: 3000 }),
    fc.json({ maxDepth: 1 }).map((value) => `{"PublicIP":"1.2.3.4","BackendData":${value}}`),
  );
  fc.assert(
    fc.property(text, (value) => {
      try {
        decodeAttributes(value);
      } catch (error) {
        assert.ok(error instanceof TartanError && error.code === 'STORE_FAILED');
      }
    }),
  );
});
