import assert from 'node:assert/strict';
import { rm, stat } from 'node:fs/promises';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { join } from '../../src/agent/join.ts';
import type { ObservedLink } from '../../src/plan/links.ts';
import type { StoreUpdate } from '../../src/store/contract.ts';
import { bell, ofType, until, watchOn } from './watching.ts';
import { hostOf, interfaceOf, testHost } from './world.ts';

test('a change of the host is noticed: a new address is published, a removed file written again', async () => {
  await using host = await testHost();
  await join(host.world, host.settings);
  const links = [interfaceOf('eth0')];
  const rings = bell();
  const world = { host: hostOf(links), watchHost: () => rings.rings };
  await using watching = await watchOn(host, world);
  await watching.event(ofType('synced'));

  await rm(host.settings.subnetFile);
  links[0] = interfaceOf('eth0', { addresses: [{ address: '192.168.64.33', prefixLength: 24 }] });
  rings.ring();
  assert.match((await watching.event(ofType('reconciled'))).message ?? '', /subnet file/);
  assert.equal((await watching.event(ofType('renewed'))).publicIp, '192.168.64.33');
  const [own] = (await host.store.list()).leases;
  assert.equal(own?.attributes.publicIp, '192.168.64.33');
  await stat(host.settings.subnetFile);

  links[0] = interfaceOf('eth0', { up: false });
  rings.ring();
  assert.match((await watching.event(ofType('error'))).message ?? '', /eth0 is down/);
});

test('a list that was begun before the new address was published does not say that the lease is lost', async () => {
  await using host = await testHost();
  await join(host.world, host.settings);
  const early = await host.store.list();
  const links = [interfaceOf('eth0')];
  const rings = bell();
  const { readable, writable } = new TransformStream<StoreUpdate, StoreUpdate>();
  const updates = writable.getWriter();
  const store = { ...host.store, watch: () => readable };
  const world = { host: hostOf(links), watchHost: () => rings.rings, store };
  const watching = await watchOn(host, world);
  await watching.event(ofType('synced'));
  links[0] = interfaceOf('eth0', { addresses: [{ address: '192.168.64.33', prefixLength: 24 }] });
  rings.ring();
  await watching.event(ofType('renewed'));
  const type = 'snapshot';
  await updates.write({ type, snapshot: early });
  await until(
    () => watching.events.filter(ofType('synced')).length === 2,
    () => 'told anew',
  );
  await updates.write({ type, snapshot: await host.store.list() });
  await until(
    () => watching.events.filter(ofType('synced')).length === 3,
    () => 'told anew, after the renewal',
  );
  const types = new Set(watching.events.map((event) => event.type));
  assert.deepEqual([...types].sort(), ['reconciled', 'renewed', 'synced']);

  const [own] = (await host.store.list()).leases;
  assert(own);
  await host.store.remove(own);
  await updates.write({ type, snapshot: { ...early, leases: [] } });
  await watching.event(ofType('lost'));
  await watching.event(ofType('acquired'));
  host.controller.abort();
  await updates.close();
  await watching.ended;
});

test('what went wrong with the host is told once, and its end', async () => {
  await using host = await testHost();
  await join(host.world, host.settings);
  const links = [interfaceOf('eth0')];
  const rings = bell();
  const world = { host: hostOf(links), watchHost: () => rings.rings };
  await using watching = await watchOn(host, world);
  await watching.event(ofType('synced'));
  links[0] = interfaceOf('eth0', { up: false });
  rings.ring();
  await watching.event(ofType('error'));
  rings.ring();
  links[0] = interfaceOf('eth0');
  rings.ring();
  await watching.event(ofType('reconciled'));
  assert.deepEqual(
    watching.events.map(({ type }) => type),
    ['synced', 'error', 'reconciled'],
  );
});

test('what goes on being wrong is looked at less and less, but at once when the host changes', async () => {
  await using host = await testHost();
  await join(host.world, host.settings);
  const links = [interfaceOf('eth0')];
  const rings = bell();
  const reader = hostOf(links);
  let looks = 0;
  const readInterfaces = () => {
    looks += 1;
    return reader.readInterfaces();
  };
  const world = { host: { ...reader, readInterfaces }, watchHost: () => rings.rings };
  await using watching = await watchOn(host, world);
  await watching.event(ofType('synced'));
  links[0] = interfaceOf('eth0', { up: false });
  // After so many failures the next look by the clock comes in 6 s or more.
  for (let failure = 0; failure < 6; failure += 1) {
    const before = looks;
    await pause(200);
    rings.ring();
    await until(
      () => looks > before,
      () => `${failure} failures`,
    );
  }
  await pause(200);
  links[0] = interfaceOf('eth0');
  rings.ring();
  await watching.event(ofType('reconciled'));
});

test('the MAC that somebody gave the device is not published: the device gets the lease’s again', async () => {
  await using host = await testHost();
  await join(host.world, host.settings);
  const [before] = (await host.store.list()).leases;
  const rings = bell();
  const tampered: ObservedLink = {
    ...{ name: 'flannel.1', kind: 'vxlan', mac: '02:00:00:00:00:99', mtu: 1450, port: 8472 },
    ...{ vni: 1, gbp: false, up: true },
  };
  await using watching = await watchOn(host, { watchHost: () => rings.rings });
  await watching.event(ofType('synced'));
  const observed = await host.kernel.observe();
  Object.assign(host.kernel, { observe: async () => ({ ...observed, links: [tampered] }) });
  host.kernel.ops.length = 0;
  rings.ring();
  await watching.event(ofType('reconciled'));
  const op = host.kernel.ops.find((one) => one.op === 'link.set' && one.mac !== undefined);
  const [after] = (await host.store.list()).leases;
  assert(op?.op === 'link.set');
  assert.equal(op.mac, before?.attributes.vxlan?.vtepMac);
  assert.deepEqual(after, before);
});
