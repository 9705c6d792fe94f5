import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Measured } from '../../src/agent/figures.ts';
import { join } from '../../src/agent/join.ts';
import { LEASE_TTL_SECONDS } from '../../src/agent/renewal.ts';
import type { WatchWorld } from '../../src/agent/world.ts';
import { TartanError } from '../../src/errors.ts';
import { formatPrefix } from '../../src/net/prefix.ts';
import { PEER, PEER_SUBNET, until, watchOn } from './watching.ts';
import { type TestHost, testHost } from './world.ts';

const DAY = 86_400;

/** A member, whose clock that nobody sets can be put on. */
async function measuring(host: TestHost, changes: Partial<WatchWorld> = {}) {
  let [ahead, member]: [number, Measured | null] = [0, null];
  const watching = await watchOn(host, {
    attend: (newcomer) => {
      member = newcomer;
    },
    elapsed: () => performance.now() + ahead,
    ...changes,
  });
  await until(
    () => member !== null,
    () => 'a member to measure',
  );
  const measured: Measured = member ?? assert.fail();
  return { watching, measured, pass: (seconds: number) => (ahead += seconds * 1000) };
}

test('a lease is as old as it has lasted, by whichever clock', async () => {
  await using host = await testHost();
  await join(host.world, host.settings);
  const [own] = (await host.store.list()).leases;
  assert(own);
  const { watching, measured, pass } = await measuring(host);
  await using _ = watching;
  const { lease, peersDesired, revision } = measured.figures();
  assert(lease);
  assert.deepEqual(
    [lease.subnet, lease.publicIp, lease.overlay, lease.backend, lease.mode, lease.interface],
    [formatPrefix(own.subnet), '192.168.64.3', '10.5.0.0/16', 'vxlan', 'default', 'eth0'],
  );
  assert(lease.ageSeconds < 60, `${lease.ageSeconds} s`);
  assert(Math.abs(lease.expiresAtSeconds - Date.now() / 1000 - DAY) < 60);
  assert.equal(peersDesired, 0);
  assert(revision > 0);
  pass(3000);
  assert(Math.abs((measured.figures().lease?.ageSeconds ?? 0) - lease.ageSeconds - 3000) < 60);
});

test('a reservation has no end', async () => {
  await using host = await testHost();
  await join(host.world, host.settings);
  const [own] = (await host.store.list()).leases;
  assert(own);
  await host.store.convert(own, 'never');
  const { watching, measured } = await measuring(host);
  await using _ = watching;
  assert.equal(measured.figures().lease?.expiresAtSeconds, Number.POSITIVE_INFINITY);
  assert((measured.figures().lease?.ageSeconds ?? 60) < 60);
});

test('a lease that is lost is none, as long as there is no other', async () => {
  await using host = await testHost();
  await join(host.world, host.settings);
  const [own] = (await host.store.list()).leases;
  assert(own);
  let isAway = false;
  const store = {
    ...host.store,
    async readConfig() {
      if (isAway) throw new TartanError('STORE_UNAVAILABLE', 'away', 'wait');
      return host.store.readConfig();
    },
  };
  const { watching, measured } = await measuring(host, { store });
  await using _ = watching;
  isAway = true;
  await host.store.remove(own);
  await watching.event(({ type }) => type === 'lost');
  assert.equal(measured.figures().lease, null);
});

test('peers of the store are told, and how many of them stand in the kernel', async () => {
  await using host = await testHost();
  await join(host.world, host.settings);
  const { watching, measured } = await measuring(host);
  await using _ = watching;
  await host.store.create(PEER_SUBNET, PEER, LEASE_TTL_SECONDS);
  await watching.event(({ type }) => type === 'added');
  const { peersDesired, peersProgrammed } = measured.figures();
  // This kernel shows nothing of what it was told, and has no programs.
  assert.deepEqual([peersDesired, peersProgrammed], [1, 0]);
  assert.equal(await measured.readTraffic(), null);
});
