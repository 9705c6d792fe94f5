import assert from 'node:assert/strict';
import { test } from 'node:test';
import { join } from '../../src/agent/join.ts';
import { type LeaseWorld, release, reserve, showLease } from '../../src/agent/lease.ts';
import { listLeases, ownAddresses } from '../../src/agent/lease_rows.ts';
import { LEASE_TTL_SECONDS } from '../../src/agent/renewal.ts';
import { teardown } from '../../src/agent/teardown.ts';
import { bareAttributes } from '../../src/lease/reservation.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import type { LeaseStore } from '../../src/store/contract.ts';
import { ofType, watchOn } from './watching.ts';
import { NO_CHOICE, type TestHost, testHost, vxlanAttributes } from './world.ts';

const SUBNET = parsePrefix('10.5.52.0/24');
const OWN_IP = '192.168.64.3';
const NODE = vxlanAttributes('192.168.64.8', '02:00:00:00:00:08');

const worldOf = ({ store, world }: TestHost): LeaseWorld => ({
  store,
  log: world.log,
  own: new Set([OWN_IP]),
});

test('a host takes the subnet that is reserved for it, and keeps it through all it does', async () => {
  await using host = await testHost();
  const world = worldOf(host);
  const row = await reserve(world, SUBNET, OWN_IP);
  assert.deepEqual(row, {
    ...{ subnet: '10.5.52.0/24', publicIp: OWN_IP, backend: null, vtepMac: null },
    ...{ reservation: true, leaseExpires: null, own: true, changed: true },
  });
  assert.equal((await reserve(world, SUBNET, OWN_IP)).changed, false);

  const joined = await join(host.world, host.settings);
  assert.deepEqual([joined.subnet, joined.leaseExpires], ['10.5.52.0/24', null]);
  const { backend, vtepMac, reservation } = await showLease(world, SUBNET);
  assert.deepEqual([backend, reservation], ['vxlan', true]);
  assert.match(vtepMac ?? '', /^[0-9a-f:]{17}$/);

  const settings = { ...host.settings, keepLease: false };
  const torn = await teardown({ ...host.world, openStore: async () => host.store }, settings);
  assert.deepEqual([torn.leaseRemoved, torn.changed], [false, true]);
  const left = await host.store.get(SUBNET);
  assert.deepEqual([left?.expiresAt, left?.attributes], ['never', bareAttributes(OWN_IP)]);
  assert.equal((await join(host.world, host.settings)).subnet, '10.5.52.0/24');
  assert.deepEqual(host.warnings, []);
});

test('a lease that is reserved and released keeps what its host published', async () => {
  await using host = await testHost();
  const world = worldOf(host);
  await host.store.create(SUBNET, NODE, 60);
  const reserved = await reserve(world, SUBNET, null);
  assert.deepEqual([reserved.reservation, reserved.vtepMac], [true, '02:00:00:00:00:08']);
  const { leaseExpires, ...released } = await release(world, SUBNET, false);
  assert.deepEqual(released, { subnet: '10.5.52.0/24', publicIp: '192.168.64.8', changed: true });
  const left = Date.parse(leaseExpires ?? '') - Date.now();
  assert(Math.abs(left - LEASE_TTL_SECONDS * 1000) < 5_000, `${left} ms`);
  assert.deepEqual((await host.store.get(SUBNET))?.attributes, NODE);
  assert.deepEqual(host.warnings, []);

  const again = await release(world, SUBNET, false);
  assert.deepEqual([again.changed, again.leaseExpires], [false, leaseExpires]);
  assert.match(host.warnings.join(), /10\.5\.52\.0\/24 is the lease of 192\.168\.64\.8.*--force/);
  const forced = await release(world, SUBNET, true);
  assert.deepEqual([forced.changed, forced.leaseExpires], [true, null]);
  assert.equal(await host.store.get(SUBNET), null);
});

test('a reservation that nobody has taken up is free at once', async () => {
  await using host = await testHost();
  const world = worldOf(host);
  await reserve(world, SUBNET, '192.168.64.8');
  const released = await release(world, SUBNET, false);
  assert.deepEqual([released.changed, released.leaseExpires], [true, null]);
  assert.equal(await host.store.get(SUBNET), null);
  assert.equal((await release(world, SUBNET, false)).changed, false);
  assert.match(host.warnings.join(), /nobody has 10\.5\.52\.0\/24/);
  await assert.rejects(showLease(world, SUBNET), { code: 'LEASE_MISSING', exitCode: 1 });
});

test('a host with a lease is told of what it will take, and one of an odd length of what it loses', async () => {
  await using host = await testHost();
  const world = worldOf(host);
  await host.store.create(SUBNET, NODE, 60);
  await reserve(world, parsePrefix('10.5.60.0/22'), NODE.publicIp);
  assert.match(host.warnings.join(), /10\.5\.52\.0\/24 is its lease now: at its next join 192/);
  const odd = await host.store.get(parsePrefix('10.5.60.0/22'));
  await host.store.renew(odd ?? assert.fail(), NODE, 60);
  await release(world, parsePrefix('10.5.60.0/22'), false);
  assert.match(host.warnings.join(), /hands out no 10\.5\.60\.0\/22/);
});

test('a race is decided anew, and given up after a few', async () => {
  await using host = await testHost();
  let races = 1;
  /** The holder renews just before. */
  const store: LeaseStore = {
    ...host.store,
    async convert(lease, ttl) {
      if (races-- > 0) await host.store.renew(lease, NODE, 60);
      return host.store.convert(lease, ttl);
    },
  };
  await host.store.create(SUBNET, NODE, 60);
  const world = { ...worldOf(host), store };
  assert.equal((await reserve(world, SUBNET, NODE.publicIp)).reservation, true);
  races = Number.POSITIVE_INFINITY;
  await assert.rejects(release(world, SUBNET, false), { code: 'BUSY', exitCode: 75 });
  assert.equal((await host.store.get(SUBNET))?.expiresAt, 'never');
});

test('who takes an overlapping subnet meanwhile has it, and the reservation is taken back', async () => {
  await using host = await testHost();
  const wide = parsePrefix('10.5.52.0/22');
  const store: LeaseStore = {
    ...host.store,
    async create(subnet, ...rest) {
      await host.store.create(SUBNET, NODE, 60);
      return host.store.create(subnet, ...rest);
    },
  };
  await assert.rejects(reserve({ ...worldOf(host), store }, wide, OWN_IP), {
    code: 'LEASE_TAKEN',
    message: /10\.5\.52\.0\/22 overlaps 10\.5\.52\.0\/24, the lease of 192\.168\.64\.8/,
  });
  assert.equal(await host.store.get(wide), null);
});

test('the list has everything, in order, and knows this host by its state', async () => {
  await using host = await testHost();
  const { subnet } = await join(host.world, {
    ...host.settings,
    underlay: { ...NO_CHOICE, publicIp: '203.0.113.7' },
  });
  await host.store.create(parsePrefix('10.5.250.0/24'), NODE, 60);
  await reserve(worldOf(host), parsePrefix('10.5.0.64/26'), '192.168.64.44');
  const found = await listLeases(host.store, await ownAddresses(host.settings));
  assert.deepEqual(
    found.leases.map((lease) => [lease.subnet, lease.own, lease.reservation]),
    [
      ['10.5.0.64/26', false, true],
      [subnet, true, false],
      ['10.5.250.0/24', false, false],
    ],
  );
  assert.deepEqual(found.rejected, []);
});

test('a running watch renews a reservation that was released', async () => {
  await using host = await testHost();
  const world = worldOf(host);
  await reserve(world, SUBNET, OWN_IP);
  await join(host.world, host.settings);
  await using watching = await watchOn(host, {}, { renewMarginSeconds: 86_399 });
  await watching.event(ofType('synced'));
  const reserved = (await host.store.get(SUBNET)) ?? assert.fail();
  // Due at once: of the 24 hours all but a second are margin.
  await host.store.convert(reserved, LEASE_TTL_SECONDS);
  assert.equal((await watching.event(ofType('renewed'))).subnet, '10.5.52.0/24');
  assert((await host.store.get(SUBNET))?.expiresAt instanceof Date);
});
