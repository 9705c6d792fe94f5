import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lease } from '../../src/lease/lease.ts';
import { mayTakeOver, ownsLease } from '../../src/lease/ownership.ts';
import { parsePrefix } from '../../src/net/prefix.ts';

const vxlan = { vni: 1, vtepMac: 'c6:d2:32:6f:8f:44' };
const lease: Lease = {
  subnet: parsePrefix('10.5.52.0/24'),
  attributes: { publicIp: '1.2.3.4', publicIpv6: null, backendType: 'vxlan', vxlan },
  expiresAt: 'unknown',
  revision: 1,
};
const plain: Lease = {
  ...lease,
  attributes: { publicIp: '1.2.3.4', publicIpv6: null, backendType: '' },
};

test('a lease is ours if PublicIP and MAC agree', () => {
  assert.equal(ownsLease(lease, { publicIp: '1.2.3.4', vxlan }), true);
  assert.equal(ownsLease(lease, { publicIp: '1.2.3.5', vxlan }), false);
  const other = { vtepMac: 'c6:d2:32:6f:8f:45' };
  assert.equal(ownsLease(lease, { publicIp: '1.2.3.4', vxlan: other }), false);
  assert.equal(ownsLease(plain, { publicIp: '1.2.3.4', vxlan }), false);
});

test('without a VTEP the PublicIP alone tells', () => {
  assert.equal(ownsLease(plain, { publicIp: '1.2.3.4' }), true);
  assert.equal(ownsLease(plain, { publicIp: '1.2.3.5' }), false);
});

test('a lease may be taken over with another MAC, but not with another PublicIP', () => {
  assert.equal(mayTakeOver(lease, { publicIp: '1.2.3.4' }), true);
  assert.equal(mayTakeOver(lease, { publicIp: '1.2.3.5' }), false);
});
