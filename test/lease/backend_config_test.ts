import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BACKEND_TYPES } from '../../src/lease/backend_config.ts';
import { assertInvalid, parseBackend } from './configs.ts';

test('vxlan has its defaults', () => {
  assert.deepEqual(parseBackend({ Type: 'vxlan' }), {
    type: 'vxlan',
    vni: 1,
    port: 8472,
    gbp: false,
    directRouting: false,
    fastPath: false,
    mtu: 0,
  });
});

const BACKENDS: [options: object, ...named: string[]][] = [
  [{ Type: 'vxlan', VNI: 0 }, 'Backend.VNI', '0'],
  [{ Type: 'vxlan', VNI: 10_000_000 }, 'Backend.VNI', '10000000'],
  [{ Type: 'vxlan', VNI: '1' }, 'Backend.VNI', '"1"'],
  [{ Type: 'vxlan', Port: 65_536 }, 'Backend.Port', '65536'],
  [{ Type: 'vxlan', Port: -1 }, 'Backend.Port', '-1'],
  [{ Type: 'vxlan', MTU: 117 }, 'Backend.MTU', '117', '118'],
  [{ Type: 'vxlan', MTU: 65_536 }, 'Backend.MTU', '65536'],
  [{ Type: 'vxlan', GBP: 1 }, 'Backend.GBP', '1'],
  [{ Type: 'vxlan', DirectRouting: 'true' }, 'Backend.DirectRouting', '"true"'],
  [{ Type: 'udp', Port: 0 }, 'Backend.Port', '0'],
  [{ Type: 'ipip', DirectRouting: 1 }, 'Backend.DirectRouting', '1'],
  [{ Type: 'ipsec' }, 'Backend.PSK', '0 characters'],
  [{ Type: 'ipsec', PSK: 'x'.repeat(96), UDPEncap: 'no' }, 'Backend.UDPEncap', '"no"'],
  [{ Type: 'wireguard', ListenPort: 'x' }, 'Backend.ListenPort', '"x"'],
  [{ Type: 'wireguard', PersistentKeepaliveInterval: -1 }, 'PersistentKeepaliveInterval', '-1'],
  [{ Type: 'aws-vpc', RouteTableID: [7] }, 'Backend.RouteTableID', '[7]'],
];

for (const [Backend, ...named] of BACKENDS) {
  const text = JSON.stringify({ Network: '10.5.0.0/16', Backend });
  test(`${text} is refused`, () => assertInvalid(text, ...named));
}

test('vxlan options are taken up to their bounds', () => {
  assert.deepEqual(
    parseBackend({ Type: 'vxlan', VNI: 9_999_999, Port: 65_535, GBP: true, MTU: 65_535 }),
    {
      type: 'vxlan',
      vni: 9_999_999,
      port: 65_535,
      gbp: true,
      directRouting: false,
      fastPath: false,
      mtu: 65_535,
    },
  );
  assert.deepEqual(
    parseBackend({ Type: 'vxlan', VNI: 1, Port: 1, DirectRouting: true, MTU: 118 }),
    {
      type: 'vxlan',
      vni: 1,
      port: 1,
      gbp: false,
      directRouting: true,
      fastPath: false,
      mtu: 118,
    },
  );
});

test('FastPath is true or false', () => {
  assert.throws(() => parseBackend({ Type: 'vxlan', FastPath: 'on' }), /Backend.FastPath is "on"/);
});

test('every backend of flannel is known, whether it is built or not', () => {
  for (const type of BACKEND_TYPES) {
    const backend = parseBackend({ Type: type.toUpperCase(), PSK: 'k'.repeat(96) });
    assert.equal(backend.type, type);
  }
  for (const RouteTableID of ['rtb-1', ['rtb-1', 'rtb-2']]) {
    assert.deepEqual(parseBackend({ Type: 'aws-vpc', RouteTableID }), { type: 'aws-vpc' });
  }
});
