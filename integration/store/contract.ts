import assert from 'node:assert/strict';
import type { Lease } from '../../src/lease/lease.ts';
import { formatPrefix } from '../../src/net/prefix.ts';
import { contractCheck, type StoreHarness } from './contract_harness.ts';
import { testWatch } from './contract_watch.ts';
import { DAY_SECONDS, subnet, vxlanAttributes } from './fixtures.ts';
import { eventsOf, follow } from './follow.ts';

/** What every store's calls must do; `start` makes an empty store. */
function testCalls(name: string, start: () => Promise<StoreHarness>): void {
  const check = contractCheck(name, start);

  check('an empty store has no config and no leases', async (_harness, store) => {
    assert.equal(await store.readConfig(), null);
    const { leases, rejected } = await store.list();
    assert.deepEqual({ leases, rejected }, { leases: [], rejected: [] });
    assert.equal(await store.get(subnet(1)), null);
  });

  check('config is kept byte for byte, and replaced only knowingly', async (harness, store) => {
    const text = '{ "network":\t"10.5.0.0/16", "Größe": 1 }\n';
    assert.equal(await store.writeConfig(text, null), true);
    assert.equal(await store.writeConfig('{}', null), false);
    const first = await store.readConfig();
    assert.equal(first?.text, text);
    assert.equal(await harness.readRaw('config'), text);
    assert.equal(await store.writeConfig('{}', first), true);
    assert.equal(await store.writeConfig('{"late":1}', first), false);
    const second = await store.readConfig();
    assert.equal(second?.text, '{}');
    assert.ok(second.revision > first.revision);
  });

  check('a lease is created once, with flannel’s key and value', async (harness, store) => {
    const created = await store.create(subnet(1), vxlanAttributes(7), DAY_SECONDS);
    assert.deepEqual(created?.subnet, subnet(1));
    assert.deepEqual(created.attributes, vxlanAttributes(7));
    assert.equal(
      await harness.readRaw('subnets/10.0.1.0-24'),
      '{"PublicIP":"192.168.0.8","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:00:07"}}',
    );
    const other = await harness.open();
    assert.equal(await other.create(subnet(1), vxlanAttributes(8), DAY_SECONDS), null);

    const read = await other.get(subnet(1));
    assert.equal(read?.revision, created.revision);
    assert.ok(read.expiresAt instanceof Date && created.expiresAt instanceof Date);
    assert.ok(Math.abs(read.expiresAt.getTime() - created.expiresAt.getTime()) < 3_000);
    assert.ok(Math.abs(read.expiresAt.getTime() - Date.now() - DAY_SECONDS * 1000) < 3_000);

    const { leases, revision } = await other.list();
    assert.deepEqual(
      leases.map((lease) => lease.attributes),
      [vxlanAttributes(7)],
    );
    assert.equal(revision, created.revision);
  });

  check(
    'what a list told of a lease can be completed: also when it was renewed since',
    async (_harness, store) => {
      for (const index of [1, 2, 3]) {
        const ttl = index === 3 ? 'never' : DAY_SECONDS;
        await store.create(subnet(index), vxlanAttributes(index), ttl);
      }
      const [one, two, three] = (await store.list()).leases;
      assert(one && two && three);
      const complete = (lease: Lease) => store.complete?.(lease) ?? store.get(lease.subnet);
      const endsIn = async (lease: Lease) => {
        const found = await complete(lease);
        return found?.expiresAt instanceof Date ? found.expiresAt.getTime() - Date.now() : found;
      };
      assert.ok(Math.abs(Number(await endsIn(one)) - DAY_SECONDS * 1000) < 3_000);
      assert.equal((await complete(three))?.expiresAt, 'never');
      const renewed = await store.renew(one, one.attributes, 600);
      assert.ok(Math.abs(Number(await endsIn(one)) - 600_000) < 3_000);
      assert.equal((await complete(one))?.revision, renewed?.revision);
      await store.remove(two);
      assert.equal(await endsIn(two), null);
    },
  );

  check('of many who create the same subnet one wins', async (harness) => {
    const stores = await Promise.all(Array.from({ length: 8 }, () => harness.open()));
    const created = await Promise.all(
      stores.map((store, index) => store.create(subnet(1), vxlanAttributes(index), DAY_SECONDS)),
    );
    const won = created.filter((lease) => lease !== null);
    assert.equal(won.length, 1);
    assert.deepEqual(
      await stores[0]?.get(subnet(1)).then((lease) => lease?.attributes),
      won[0]?.attributes,
    );
  });

  check('renewal writes attributes and TTL, if nobody was faster', async (_harness, store) => {
    const created = await store.create(subnet(1), vxlanAttributes(1), 60);
    assert.ok(created);
    const renewed = await store.renew(created, vxlanAttributes(2), DAY_SECONDS);
    assert.ok(renewed && renewed.revision > created.revision);
    const read = await store.get(subnet(1));
    assert.deepEqual(read?.attributes, vxlanAttributes(2));
    assert.ok(read.expiresAt instanceof Date && read.expiresAt.getTime() > Date.now() + 80_000_000);

    assert.equal(await store.renew(created, vxlanAttributes(3), 60), null);
    assert.deepEqual((await store.get(subnet(1)))?.revision, renewed.revision);
    const again = await store.renew(
      (await store.list()).leases[0] ?? created,
      vxlanAttributes(4),
      60,
    );
    assert.ok(again, 'a listed lease can be renewed');
  });

  check('a reservation stays one when it is renewed', async (harness, store) => {
    await harness.putRaw('10.0.1.0-24', '{"PublicIP":"192.168.64.3"}');
    const listed = (await store.list()).leases[0];
    assert.equal(listed?.expiresAt, 'never');
    const renewed = await store.renew(listed, vxlanAttributes(1), 1);
    assert.equal(renewed?.expiresAt, 'never');
    const read = await store.get(subnet(1));
    assert.equal(read?.expiresAt, 'never');
    assert.deepEqual(read.attributes, vxlanAttributes(1));
  });

  check('a reservation is created as one, if nobody has the subnet', async (harness, store) => {
    const { vxlan: _, ...attributes } = { ...vxlanAttributes(1), backendType: '' };
    const created = await store.create(subnet(1), attributes, 'never');
    assert.equal(created?.expiresAt, 'never');
    assert.equal(
      await harness.readRaw('subnets/10.0.1.0-24'),
      '{"PublicIP":"192.168.0.2","PublicIPv6":null}',
    );
    assert.deepEqual((await store.list()).leases[0]?.expiresAt, 'never');
    assert.equal(await store.create(subnet(1), attributes, 'never'), null);
    assert.equal(await store.create(subnet(1), vxlanAttributes(2), 60), null);
  });

  check(
    'a lease becomes a reservation and one again, if nobody was faster',
    async (harness, store) => {
      const created = await store.create(subnet(1), vxlanAttributes(1), 1);
      assert.ok(created);
      const follower = follow(await harness.open(), created.revision);
      const reserved = await store.convert(created, 'never');
      assert.ok(reserved && reserved.revision > created.revision);
      assert.deepEqual([reserved.expiresAt, reserved.attributes], ['never', vxlanAttributes(1)]);
      assert.equal(await store.convert(created, 60), null);
      // What would end with the lease that it was ends first.
      const brief = await store.create(subnet(2), vxlanAttributes(2), 2);
      await follower.until(({ leases }) => brief !== null && leases.has('10.0.2.0/24'));
      await follower.until(({ leases }) => !leases.has('10.0.2.0/24'));
      assert.equal((await store.get(subnet(1)))?.revision, reserved.revision);
      assert.equal(follower.leases.get('10.0.1.0/24')?.expiresAt, 'never');

      const [listed] = (await store.list()).leases;
      const released = await store.convert(listed ?? assert.fail(), 1);
      assert.ok(released?.expiresAt instanceof Date);
      await follower.until(({ leases }) => leases.size === 0);
      assert.equal(await store.convert(released, 'never'), null);
      assert.equal(await harness.readRaw('subnets/10.0.1.0-24'), null);
      await follower.stop();
    },
  );

  check('a conversion keeps the value byte for byte', async (harness, store) => {
    const value =
      '{ "PublicIP":"192.168.64.3","BackendType":"wireguard","BackendData":{"PublicKey":"x"} }';
    await harness.putRaw('10.0.1.0-24', value);
    const [reservation] = (await store.list()).leases;
    const lease = await store.convert(reservation ?? assert.fail(), DAY_SECONDS);
    assert.equal(await harness.readRaw('subnets/10.0.1.0-24'), value);
    assert.equal((await store.convert(lease ?? assert.fail(), 'never'))?.expiresAt, 'never');
    assert.equal(await harness.readRaw('subnets/10.0.1.0-24'), value);
  });

  check('only the lease that was meant is removed', async (harness, store) => {
    const created = await store.create(subnet(1), vxlanAttributes(1), DAY_SECONDS);
    assert.ok(created);
    const renewed = await store.renew(created, vxlanAttributes(1), DAY_SECONDS);
    assert.ok(renewed);
    assert.equal(await store.remove(created), false);
    assert.equal(await store.remove(renewed), true);
    assert.equal(await store.remove(renewed), false);
    assert.equal(await harness.readRaw('subnets/10.0.1.0-24'), null);
    assert.ok(await store.create(subnet(1), vxlanAttributes(2), DAY_SECONDS));
  });

  check('garbage is reported and left alone', async (harness, store) => {
    const { revision } = await store.list();
    const follower = follow(store, revision);
    await harness.putRaw('10.0.1.0-24', '\u0001garbage');
    await harness.putRaw('10.0.2.7-24', '{"PublicIP":"192.168.64.3"}');
    await harness.putRaw('what/is/this', 'x');
    const lease = await store.create(subnet(3), vxlanAttributes(3), DAY_SECONDS);
    await follower.until((seen) => eventsOf(seen).length >= 4);

    const found = await store.list();
    assert.deepEqual(
      found.leases.map(({ subnet }) => formatPrefix(subnet)),
      ['10.0.3.0/24'],
    );
    assert.deepEqual(
      found.rejected.map((rejected) => [
        rejected.key,
        rejected.subnet && formatPrefix(rejected.subnet),
      ]),
      [
        ['10.0.1.0-24', '10.0.1.0/24'],
        ['10.0.2.7-24', '10.0.2.0/24'],
        ['what/is/this', null],
      ],
    );
    assert.match(found.rejected[0]?.reason ?? '', /garbage/);
    assert.deepEqual(
      eventsOf(follower).map(({ type }) => type),
      ['rejected', 'rejected', 'rejected', 'put'],
    );
    assert.equal(await store.get(subnet(1)), null);
    assert.equal(await store.create(subnet(1), vxlanAttributes(1), DAY_SECONDS), null);
    assert.equal(await harness.readRaw('subnets/10.0.1.0-24'), '\u0001garbage');
    assert.equal(await store.remove(lease ?? assert.fail()), true);
    await harness.removeRaw('what/is/this');
    await harness.removeRaw('10.0.1.0-24');
    await follower.until((seen) => eventsOf(seen).length >= 6);
    assert.deepEqual(eventsOf(follower).slice(4), [
      { type: 'removed', subnet: subnet(3) },
      { type: 'removed', subnet: subnet(1) },
    ]);
    await follower.stop();
  });
}

/** The contract test: one suite that each store must pass. */
export function testContract(name: string, start: () => Promise<StoreHarness>): void {
  testCalls(name, start);
  testWatch(contractCheck(name, start));
}
