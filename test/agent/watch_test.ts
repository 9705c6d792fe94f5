import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { join } from '../../src/agent/join.ts';
import type { World } from '../../src/agent/world.ts';
import { TartanError } from '../../src/errors.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import type { StoreUpdate } from '../../src/store/contract.ts';
import { bell, ofType, PEER, PEER_SUBNET, until, watchOn } from './watching.ts';
import { testHost } from './world.ts';

test('follows peers as they come, change and go', async () => {
  await using host = await testHost();
  await join(host.world, host.settings);
  await using watching = await watchOn(host);
  await watching.event(ofType('synced'));

  const lease = await host.store.create(PEER_SUBNET, PEER, 60);
  assert(lease);
  const added = await watching.event(ofType('added'));
  assert.deepEqual([added.subnet, added.publicIp], ['10.5.200.0/24', '192.168.64.8']);
  const renewed = await host.store.renew(lease, PEER, 60);
  assert(renewed);
  const moved = { ...PEER, publicIp: '192.168.64.88' };
  const changed = await host.store.renew(renewed, moved, 60);
  assert.equal((await watching.event(ofType('changed'))).publicIp, '192.168.64.88');
  assert(changed);
  await host.store.remove(changed);
  await watching.event(ofType('removed'));
  assert.deepEqual(
    watching.events.map(({ type }) => type),
    ['synced', 'added', 'changed', 'removed'],
  );
  for (const { time } of watching.events) assert.equal(new Date(time).toISOString(), time);
});

test('an event is told only when the kernel has it, and a failed step is tried again', async () => {
  await using host = await testHost();
  await join(host.world, host.settings);
  await using watching = await watchOn(host);
  await watching.event(ofType('synced'));
  host.kernel.failNext(new TartanError('KERNEL', 'peers.write: no memory', 'Make room.'));
  await host.store.create(PEER_SUBNET, PEER, 60);
  await watching.event(ofType('added'));
  const types = watching.events.map(({ type }) => type);
  assert.deepEqual(types, ['synced', 'error', 'added']);
  assert.match(watching.events[1]?.message ?? '', /peers\.write: no memory/);
});

test('a burst costs fewer rounds than it has events, and none is lost', async () => {
  await using host = await testHost();
  await join(host.world, host.settings);
  await using watching = await watchOn(host);
  await watching.event(ofType('synced'));
  let rounds = 0;
  const { apply } = host.kernel;
  Object.assign(host.kernel, {
    async apply(op: Parameters<typeof apply>[0]) {
      if (op.op === 'peers.write') rounds += 1;
      await pause(5);
      await apply(op);
    },
  });
  const subnets = Array.from({ length: 60 }, (_, i) => `10.5.${i + 100}.0/24`).filter(
    (subnet) => subnet !== watching.events[0]?.subnet,
  );
  const created = await Promise.all(
    subnets.map((subnet, i) => {
      const attributes = { ...PEER, publicIp: `192.168.66.${i + 1}` };
      return host.store.create(parsePrefix(subnet), attributes, 60);
    }),
  );
  const expected = created.filter((lease) => lease !== null).length;
  const count = () => watching.events.filter(ofType('added')).length;
  await until(
    () => count() === expected,
    () => `${count()} of ${expected}`,
  );
  assert(rounds < expected / 2, `${rounds} rounds`);
});

test('a lease that is lost is told, and another one taken', async () => {
  await using host = await testHost();
  const { subnet } = await join(host.world, host.settings);
  await using watching = await watchOn(host);
  await watching.event(ofType('synced'));
  const [own] = (await host.store.list()).leases;
  assert(own);
  await host.store.remove(own);
  assert.equal((await watching.event(ofType('lost'))).subnet, subnet);
  // The previous subnet is free, so it is the one that is taken.
  assert.equal((await watching.event(ofType('acquired'))).subnet, subnet);
  assert.deepEqual(
    watching.events.map(({ type }) => type),
    ['synced', 'lost', 'acquired'],
  );
});

test('a subnet that another node took is left to it', async () => {
  await using host = await testHost();
  const { subnet } = await join(host.world, host.settings);
  const [own] = (await host.store.list()).leases;
  assert(own);
  await host.store.remove(own);
  await host.store.create(own.subnet, PEER, 60);
  await using watching = await watchOn(host);
  assert.equal((await watching.event(ofType('lost'))).subnet, subnet);
  assert.notEqual((await watching.event(ofType('acquired'))).subnet, subnet);
  assert.deepEqual((await host.store.get(own.subnet))?.attributes, PEER);
});

test('a lease that another node overwrites is lost, and left to it', async () => {
  await using host = await testHost();
  const { subnet } = await join(host.world, host.settings);
  await using watching = await watchOn(host);
  await watching.event(ofType('synced'));
  const [own] = (await host.store.list()).leases;
  assert(own);
  await host.store.renew(own, PEER, 60);
  assert.equal((await watching.event(ofType('lost'))).subnet, subnet);
  assert.notEqual((await watching.event(ofType('acquired'))).subnet, subnet);
  assert.deepEqual((await host.store.get(own.subnet))?.attributes, PEER);
});

test('renews when due', async () => {
  await using host = await testHost();
  await join(host.world, host.settings);
  let ahead = 0;
  const rings = bell();
  const world = { now: () => Date.now() + ahead, watchHost: () => rings.rings };
  await using watching = await watchOn(host, world);
  await watching.event(ofType('synced'));
  ahead = 23.5 * 3600 * 1000;
  rings.ring();
  const [before] = (await host.store.list()).leases;
  await watching.event(ofType('renewed'));
  const [after] = (await host.store.list()).leases;
  assert(before && after && after.revision > before.revision);
  // The store's clock is not this host's: to the host, the new lease is due again.
  await pause(100);
  assert.equal(watching.events.filter(ofType('renewed')).length, 1);
});

test('renews when due, also if the clock was set back', async () => {
  await using host = await testHost();
  await join(host.world, host.settings);
  let [ahead, passed] = [0, 0];
  const rings = bell();
  const world = {
    now: () => Date.now() + ahead,
    elapsed: () => performance.now() + passed,
    watchHost: () => rings.rings,
  };
  await using watching = await watchOn(host, world);
  await watching.event(ofType('synced'));
  ahead = -7 * 24 * 3600 * 1000;
  passed = 23.5 * 3600 * 1000;
  rings.ring();
  await watching.event(ofType('renewed'));
});

test('an outage of the store is told once, the peers stay, and a resync follows', async () => {
  await using host = await testHost();
  await join(host.world, host.settings);
  const snapshot = await host.store.list();
  const { readable, writable } = new TransformStream<StoreUpdate, StoreUpdate>();
  const updates = writable.getWriter();
  const store: World['store'] = { ...host.store, watch: () => readable };
  const watching = await watchOn(host, { store });
  await watching.event(ofType('synced'));
  host.kernel.ops.length = 0;
  const away: StoreUpdate = { type: 'unavailable', message: 'etcd is away' };
  await updates.write(away);
  await updates.write({ ...away, message: 'etcd is still away' });
  assert.equal((await watching.event(ofType('error'))).message, 'etcd is away');
  assert.deepEqual(host.kernel.ops, []);
  await updates.write({ type: 'snapshot', snapshot: { ...snapshot, revision: 99 } });
  await until(
    () => watching.events.filter(ofType('synced')).length === 2,
    () => 'resync',
  );
  await updates.write(away);
  await until(
    () => watching.events.filter(ofType('error')).length === 2,
    () => 'second outage',
  );
  host.controller.abort();
  await updates.close();
  await watching.ended;
});

test('a host that has not joined, or is being worked on, is refused', async () => {
  await using host = await testHost();
  const early = await watchOn(host);
  await assert.rejects(early.ended, { code: 'LEASE_LOST', hint: /tartan join/ });
  await join(host.world, host.settings);
  const busy = await watchOn(host, { lockFile: () => null });
  await assert.rejects(busy.ended, { code: 'BUSY' });
});
