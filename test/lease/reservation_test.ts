import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TartanError } from '../../src/errors.ts';
import { encodeAttributes } from '../../src/lease/codec.ts';
import {
  bareAttributes,
  mayBeInUse,
  planReservation,
  type ReservationRequest,
} from '../../src/lease/reservation.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import { parseWith } from './configs.ts';
import { leaseOf, OWN_IP, rejectedKey } from './samples.ts';

const CONFIG = parseWith({ Backend: { Type: 'vxlan' } });
const OTHER_IP = '192.168.64.9';

function plan(subnet: string, rest: Partial<ReservationRequest> = {}) {
  const request = { config: CONFIG, leases: [], rejected: [], publicIp: OWN_IP };
  return planReservation({ ...request, subnet: parsePrefix(subnet), ...rest });
}

function assertRefused(
  code: string,
  message: RegExp,
  subnet: string,
  rest?: Partial<ReservationRequest>,
): void {
  assert.throws(
    () => plan(subnet, rest),
    (error) => {
      assert.ok(error instanceof TartanError, String(error));
      assert.equal(error.code, code);
      assert.match(error.message, message);
      assert.notEqual(error.hint, '');
      return true;
    },
  );
}

test('a free subnet is reserved in flannel’s bytes', () => {
  assert.deepEqual(plan('10.5.52.0/24'), { kind: 'create', publicIp: OWN_IP });
  assert.equal(
    encodeAttributes(bareAttributes(OWN_IP)),
    '{"PublicIP":"192.168.64.3","PublicIPv6":null}',
  );
});

test('so is one that the config does not hand out by itself, as a host may keep it', () => {
  const config = parseWith({ SubnetMin: '10.5.8.0', SubnetMax: '10.5.9.0' });
  for (const subnet of ['10.5.52.0/24', '10.5.52.0/22', '10.5.52.64/26', '10.5.128.0/17']) {
    assert.equal(plan(subnet, { config }).kind, 'create', subnet);
  }
});

test('for an address in the overlay is wrong use', () => {
  const rest = { publicIp: '10.5.52.1' };
  assertRefused('USAGE', /PublicIP 10\.5\.52\.1: it lies in the overlay/, '10.5.52.0/24', rest);
});

test('one that no host could keep is wrong use', () => {
  assertRefused('USAGE', /10\.9\.1\.0\/24 is not in the network 10\.5\.0\.0\/16/, '10.9.1.0/24');
  assertRefused('USAGE', /10\.5\.0\.0\/16.*length is 16/, '10.5.0.0/16');
  assertRefused('USAGE', /10\.5\.1\.0\/31.*length is 31/, '10.5.1.0/31');
  assertRefused('USAGE', /length is 8/, '10.0.0.0/8');
});

test('a lease of the same host becomes a reservation, and a reservation stays one', () => {
  const lease = leaseOf('10.5.52.0/24', OWN_IP);
  const reservation = leaseOf('10.5.52.0/24', OWN_IP, { expiresAt: 'never' });
  for (const publicIp of [OWN_IP, null]) {
    const convert = plan('10.5.52.0/24', { leases: [lease], publicIp });
    assert.deepEqual(convert, { kind: 'convert', lease });
    const keep = plan('10.5.52.0/24', { leases: [reservation], publicIp });
    assert.deepEqual(keep, { kind: 'keep', lease: reservation });
  }
});

test('another host’s is refused, and it says what it is', () => {
  const lease = leaseOf('10.5.52.0/24', OTHER_IP);
  assertRefused('LEASE_TAKEN', /is the lease of 192\.168\.64\.9$/, '10.5.52.0/24', {
    leases: [lease],
  });
  assertRefused('LEASE_TAKEN', /is the reservation of 192\.168\.64\.9$/, '10.5.52.0/24', {
    leases: [{ ...lease, expiresAt: 'never' }],
  });
});

test('what overlaps is named: a longer one, a wider one, a key that is no lease', () => {
  const inside = leaseOf('10.5.53.0/24', OWN_IP);
  assertRefused(
    'LEASE_TAKEN',
    /10\.5\.52\.0\/22 overlaps 10\.5\.53\.0\/24.*64\.3/,
    '10.5.52.0/22',
    {
      leases: [inside],
    },
  );
  const around = leaseOf('10.5.48.0/20', OTHER_IP, { expiresAt: 'never' });
  assertRefused('LEASE_TAKEN', /overlaps 10\.5\.48\.0\/20, the reservation/, '10.5.52.0/24', {
    leases: [around],
  });
  for (const key of ['10.5.52.7-24', '10.5.52.0-24&fd00:12:13::-56']) {
    const message = /claimed by the key "10\.5\.52\..*made for a test/;
    const rest = { rejected: [rejectedKey(key)] };
    assertRefused('LEASE_TAKEN', message, '10.5.52.0/24', rest);
    assert.equal(plan('10.5.53.0/24', rest).kind, 'create');
  }
});

test('nobody’s subnet has nobody to be reserved for', () => {
  assertRefused('LEASE_MISSING', /nobody has 10\.5\.52\.0\/24/, '10.5.52.0/24', { publicIp: null });
});

test('a reservation may be in use unless its value tells that it is not', () => {
  const bare = leaseOf('10.5.52.0/24', OWN_IP);
  const taken = { ...bare, attributes: { ...bare.attributes, backendType: 'vxlan' } };
  assert.equal(mayBeInUse(bare, CONFIG), false);
  assert.equal(mayBeInUse(taken, CONFIG), true);
  assert.equal(mayBeInUse(bare, null), true);
  assert.equal(mayBeInUse(bare, parseWith({ Backend: { Type: 'udp' } })), true);
});
