import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lease } from '../../src/lease/lease.ts';
import {
  type FormerSelf,
  isClaimed,
  mayTakeOver,
  ownsLease,
  rememberAttempt,
  rivalsOf,
} from '../../src/lease/ownership.ts';
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

test('a lease of ours that another VTEP has under our PublicIP is claimed, and left to it', () => {
  const former = { subnet: lease.subnet, publicIp: '1.2.3.4', vtepMac: 'c6:d2:32:6f:8f:01' };
  const joined = {
    publicIp: '1.2.3.4',
    vtepMac: 'c6:d2:32:6f:8f:01',
    remembered: { self: former },
  };
  assert.equal(isClaimed(lease, joined), true);
  assert.equal(mayTakeOver(lease, joined), false);
  // Our own, of a device that has got another MAC.
  assert.equal(mayTakeOver(lease, { ...joined, vtepMac: vxlan.vtepMac }), true);
  // Whoever had the address before us is gone, for all we know.
  const was = (self: Partial<FormerSelf>) => ({
    ...joined,
    remembered: { self: { ...former, ...self } },
  });
  assert.equal(mayTakeOver(lease, was({ subnet: parsePrefix('10.5.53.0/24') })), true);
  assert.equal(mayTakeOver(lease, was({ publicIp: '1.2.3.5' })), true);
  assert.equal(mayTakeOver(lease, { ...joined, remembered: null }), true);
  assert.equal(mayTakeOver(plain, joined), true);
});

test('what a node was before it set out to become another is its own still', () => {
  const before = { subnet: lease.subnet, publicIp: '1.2.3.4', vtepMac: vxlan.vtepMac };
  const moved = { ...before, publicIp: '1.2.3.9' };
  const attempt = rememberAttempt({ self: before }, moved);
  assert.deepEqual(attempt, { self: moved, before: [before] });
  assert.equal(mayTakeOver(lease, { publicIp: '1.2.3.9', remembered: attempt }), true);
  assert.equal(mayTakeOver(lease, { publicIp: '1.2.3.9', remembered: { self: moved } }), false);
  const other = { ...before, vtepMac: 'c6:d2:32:6f:8f:01' };
  const remembered = rememberAttempt({ self: before }, other);
  assert.equal(
    isClaimed(lease, { publicIp: '1.2.3.4', vtepMac: other.vtepMac, remembered }),
    false,
  );

  assert.deepEqual(rememberAttempt(null, before), { self: before, before: [] });
  assert.deepEqual(rememberAttempt({ self: before }, before), { self: before });
  const again = { ...before, publicIp: '1.2.3.10' };
  assert.deepEqual(rememberAttempt(attempt, again), { self: again, before: [moved, before] });
});

test('a rival has our PublicIP, another subnet and another VTEP', () => {
  const elsewhere = (changes: object) => ({
    ...lease,
    subnet: parsePrefix('10.5.53.0/24'),
    attributes: { ...lease.attributes, ...changes },
  });
  const other = { vni: 1, vtepMac: 'c6:d2:32:6f:8f:45' };
  const rival = elsewhere({ vxlan: other });
  const innocent = [
    { ...lease, attributes: { ...lease.attributes, vxlan: other } },
    elsewhere({}),
    elsewhere({ vxlan: other, publicIp: '1.2.3.5' }),
    { ...plain, subnet: parsePrefix('10.5.54.0/24') },
  ];
  assert.deepEqual(rivalsOf(lease, [...innocent, rival]), [rival]);
  assert.deepEqual(rivalsOf(plain, [rival]), []);
});
