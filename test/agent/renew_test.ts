import assert from 'node:assert/strict';
import { test } from 'node:test';
import { join } from '../../src/agent/join.ts';
import { renew } from '../../src/agent/renew.ts';
import { isDue, renewAt, renewIn, successorOf } from '../../src/agent/renewal.ts';
import { statePath } from '../../src/agent/state_file.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import { leaseOf } from '../lease/samples.ts';
import { type TestHost, testHost, vxlanAttributes } from './world.ts';

const renewOn = ({ store, settings }: TestHost) =>
  renew(async () => store, statePath(settings.stateDir, settings.network));

async function handOver({ store }: TestHost, subnet: string, publicIp: string, mac: string) {
  const [lease] = (await store.list()).leases;
  assert(lease);
  await store.remove(lease);
  await store.create(parsePrefix(subnet), vxlanAttributes(publicIp, mac), 60);
}

test('renews the lease that this host has', async () => {
  await using host = await testHost();
  const { subnet, leaseExpires } = await join(host.world, host.settings);
  const [before] = (await host.store.list()).leases;
  const report = await renewOn(host);
  assert.deepEqual([report.subnet, report.publicIp], [subnet, '192.168.64.3']);
  assert((report.leaseExpires ?? '') >= (leaseExpires ?? ''));
  const [after] = (await host.store.list()).leases;
  assert(before && after && after.revision > before.revision);
  assert.deepEqual(after.attributes, before.attributes);
});

test('says who has it now, also if only the VTEP is another', async () => {
  const owners = [
    ['192.168.64.9', '02:00:00:00:00:09'],
    ['192.168.64.3', '02:00:00:00:00:aa'],
  ] as const;
  for (const [publicIp, mac] of owners) {
    await using host = await testHost();
    const { subnet } = await join(host.world, host.settings);
    await handOver(host, subnet, publicIp, mac);
    const message = new RegExp(`belongs to ${publicIp} \\(VTEP ${mac}\\)`);
    await assert.rejects(renewOn(host), { code: 'LEASE_LOST', exitCode: 1, message });
  }
});

test('says so if nobody has it, or if this host never joined', async () => {
  await using host = await testHost();
  await assert.rejects(renewOn(host), { code: 'LEASE_LOST', message: /has not joined/ });
  await join(host.world, host.settings);
  const [lease] = (await host.store.list()).leases;
  assert(lease);
  await host.store.remove(lease);
  await assert.rejects(renewOn(host), { code: 'LEASE_LOST', message: /is gone/ });
});

test('a lease is due within the margin, a reservation never', () => {
  const expiring = leaseOf('10.5.1.0/24', '1.1.1.1', { expiresAt: new Date(100_000) });
  assert.equal(isDue(expiring, 60, 39_999), false);
  assert.equal(isDue(expiring, 60, 40_000), true);
  assert.equal(renewAt(expiring, 60), 40_000);
  const reserved = leaseOf('10.5.1.0/24', '1.1.1.1', { expiresAt: 'never' });
  assert.equal(isDue(reserved, 60, 40_000), false);
  assert.equal(renewAt(reserved, 60), Number.POSITIVE_INFINITY);
});

test('a clock that was set back does not put a renewal off, nor one that was set on or a sleep', () => {
  const hour = 3_600_000;
  const lease = leaseOf('10.5.1.0/24', '1.1.1.1', { expiresAt: new Date(124 * hour) });
  const learnt = { wall: 100 * hour, steady: 7 * hour };
  const after = (wall: number, steady: number) =>
    renewIn(lease, 3600, learnt, { wall: (100 + wall) * hour, steady: (7 + steady) * hour }) / hour;
  assert.equal(after(0, 0), 23);
  assert.equal(after(10, 10), 13);
  assert.equal(after(-24 + 10, 10), 13);
  assert.equal(after(24 + 10, 10), -11);
  assert.equal(after(10, 1), 13);
  const reserved = leaseOf('10.5.1.0/24', '1.1.1.1', { expiresAt: 'never' });
  assert.equal(renewIn(reserved, 3600, learnt, learnt), Number.POSITIVE_INFINITY);
});

test('a thousand nodes that took their leases at one moment renew over hours, each before its margin', () => {
  const hour = 3_600_000;
  const lease = leaseOf('10.5.1.0/24', '1.1.1.1', { expiresAt: new Date(24 * hour) });
  const learnt = { wall: 0, steady: 0 };
  const waits = Array.from({ length: 1000 }, (_, n) =>
    renewIn(lease, 3600, learnt, learnt, n / 1000),
  );
  assert(waits.every((ms) => ms <= 23 * hour && ms > 20.7 * hour));
  const perMinute = new Map<number, number>();
  for (const ms of waits) {
    const minute = Math.floor(ms / 60_000);
    perMinute.set(minute, (perMinute.get(minute) ?? 0) + 1);
  }
  assert(Math.max(...perMinute.values()) <= 8, 'in one minute');
  const late = { wall: 23.5 * hour, steady: 23.5 * hour };
  assert(renewIn(lease, 3600, late, late, 0.99) < 0, 'what is due already is not put off');
});

test('a former subnet is its new owner’s, if that is another node', () => {
  const former = parsePrefix('10.5.1.0/24');
  const lease = (subnet: string, mac: string, publicIp = '192.168.64.3') =>
    leaseOf(subnet, publicIp, { attributes: vxlanAttributes(publicIp, mac) });
  const own = lease('10.5.2.0/24', '02:00:00:00:00:03');
  const stranger = lease('10.5.1.0/24', '02:00:00:00:00:09', '192.168.64.9');
  const twin = lease('10.5.1.0/24', '02:00:00:00:00:0a');
  assert.equal(successorOf([own, stranger], former, own), stranger);
  assert.equal(successorOf([own, twin], former, own), twin, 'with the same PublicIP');
  assert.equal(successorOf([own], former, own), null, 'nobody’s');
  assert.equal(successorOf([own, { ...own, subnet: former }], former, own), null, 'left behind');
  assert.equal(successorOf([own], own.subnet, own), null, 'taken again');
});
