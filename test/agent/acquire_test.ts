import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acquireLease, type LeaseRequest, planLease } from '../../src/agent/acquire.ts';
import { LEASE_TTL_SECONDS } from '../../src/agent/renewal.ts';
import { parseConfig } from '../../src/lease/config.ts';
import { formatPrefix, type Prefix, parsePrefix } from '../../src/net/prefix.ts';
import type { LeaseStore } from '../../src/store/contract.ts';
import { CONFIG, type TestHost, testHost, vxlanAttributes } from './world.ts';

const OWN_IP = '192.168.64.3';
const OWN = vxlanAttributes(OWN_IP, '02:00:00:00:00:03');
const OTHER = vxlanAttributes('192.168.64.9', '02:00:00:00:00:09');

const CLOCKS = { now: Date.now, elapsed: () => performance.now() };

function requestOf({ store }: TestHost, rest: Partial<LeaseRequest> = {}): LeaseRequest {
  return {
    store,
    config: parseConfig(CONFIG),
    publicIp: OWN_IP,
    previousSubnet: null,
    renewMarginSeconds: 3600,
    offer: () => OWN,
    clocks: CLOCKS,
    ...rest,
  };
}

test('takes a free subnet for 24 h, and keeps it afterwards', async () => {
  await using host = await testHost();
  const first = await acquireLease(requestOf(host));
  assert.deepEqual([first.action, first.changed], ['create', true]);
  assert(first.lease.expiresAt instanceof Date);
  const left = first.lease.expiresAt.getTime() - Date.now();
  assert(Math.abs(left - LEASE_TTL_SECONDS * 1000) < 5000);
  assert.equal(first.snapshot.leases.length, 1);

  const again = await acquireLease(requestOf(host));
  assert.deepEqual([again.action, again.changed], ['keep', false]);
  assert.equal(again.lease.revision, first.lease.revision);
});

test('renews within the margin, and when it has other things to publish', async () => {
  await using host = await testHost();
  const { lease } = await acquireLease(requestOf(host));
  const almostOver = () => Date.now() + (LEASE_TTL_SECONDS - 3599) * 1000;
  assert.equal(
    (await planLease(requestOf(host, { clocks: { ...CLOCKS, now: almostOver } }))).action,
    'renew',
  );
  const newMac = vxlanAttributes(OWN_IP, '02:00:00:00:00:ff');
  const renewed = await acquireLease(requestOf(host, { offer: () => newMac }));
  assert.equal(renewed.action, 'renew');
  assert.deepEqual(renewed.lease.subnet, lease.subnet);
  assert.deepEqual((await host.store.get(lease.subnet))?.attributes, newMac);
});

test('a plan writes nothing', async () => {
  await using host = await testHost();
  const before = await host.store.list();
  await planLease(requestOf(host));
  assert.deepEqual(await host.store.list(), before);
});

test('takes the previous subnet again if nobody has it', async () => {
  await using host = await testHost();
  const previousSubnet = parsePrefix('10.5.77.0/24');
  const { lease } = await acquireLease(requestOf(host, { previousSubnet }));
  assert.deepEqual(lease.subnet, previousSubnet);
});

test('gives an own lease back that does not fit the config any more', async () => {
  await using host = await testHost();
  const unfit = parsePrefix('10.9.0.0/24');
  await host.store.create(unfit, OWN, LEASE_TTL_SECONDS);
  const { action } = await acquireLease(requestOf(host));
  assert.equal(action, 'create');
  assert.equal(await host.store.get(unfit), null);
});

/** Another node takes the subnet just before this one does, the first times. */
function contested(store: LeaseStore, times: number) {
  const lost: string[] = [];
  const create: LeaseStore['create'] = async (subnet: Prefix, ...rest) => {
    if (lost.length < times) {
      lost.push(formatPrefix(subnet));
      await store.create(subnet, OTHER, LEASE_TTL_SECONDS);
    }
    return store.create(subnet, ...rest);
  };
  return { lost, store: { ...store, create } };
}

test('whoever loses the race picks again', async () => {
  await using host = await testHost();
  const race = contested(host.store, 3);
  const { lease, snapshot } = await acquireLease(requestOf(host, { store: race.store }));
  assert.equal(race.lost.length, 3);
  assert(!race.lost.includes(formatPrefix(lease.subnet)));
  assert.equal(snapshot.leases.length, 4);
});

test('each lost race widens the window of candidates', async () => {
  await using host = await testHost();
  const config = parseConfig('{"Network":"10.0.0.0/8"}');
  const race = contested(host.store, 5);
  const limits: number[] = [];
  const random = (limit: number) => limits.push(limit) && 0;
  await acquireLease(requestOf(host, { config, store: race.store, random }));
  assert.deepEqual(limits, [100, 800, 6_400, 51_200, 65_531, 65_530]);
});

test('but not for ever', async () => {
  await using host = await testHost();
  const race = contested(host.store, Number.POSITIVE_INFINITY);
  await assert.rejects(acquireLease(requestOf(host, { store: race.store })), {
    code: 'BUSY',
    exitCode: 75,
  });
});

test('a lease that goes to another node while it is being decided on is left to it', async () => {
  await using host = await testHost();
  const { lease } = await acquireLease(requestOf(host));
  const plan = await planLease(requestOf(host, { offer: () => ({ ...OWN, publicIpv6: '::1' }) }));
  assert.equal(plan.action, 'renew');
  await host.store.remove(lease);
  await host.store.create(lease.subnet, OTHER, LEASE_TTL_SECONDS);
  const acquired = await acquireLease(requestOf(host), plan);
  assert.notDeepEqual(acquired.lease.subnet, lease.subnet);
  assert.deepEqual((await host.store.get(lease.subnet))?.attributes, OTHER);
});

test('20 nodes that join at once get 20 subnets, each seeing those before it', async () => {
  await using host = await testHost();
  const acquired = await Promise.all(
    Array.from({ length: 20 }, (_, i) => {
      const publicIp = `192.168.65.${i + 1}`;
      const offer = () => vxlanAttributes(publicIp, `02:00:00:00:01:${(16 + i).toString(16)}`);
      return acquireLease(requestOf(host, { publicIp, offer }));
    }),
  );
  assert.equal(new Set(acquired.map(({ lease }) => formatPrefix(lease.subnet))).size, 20);
  for (const { lease, snapshot } of acquired) {
    const seen = snapshot.leases.map(({ subnet }) => formatPrefix(subnet));
    assert(seen.includes(formatPrefix(lease.subnet)));
  }
});
