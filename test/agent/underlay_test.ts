import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findUnderlay } from '../../src/agent/underlay.ts';
import { TartanError } from '../../src/errors.ts';
import { hostOf, interfaceOf, NO_CHOICE } from './world.ts';

const addressed = (...addresses: string[]) => ({
  addresses: addresses.map((address) => ({ address, prefixLength: 24 })),
});
const eth0 = interfaceOf('eth0', addressed('10.0.0.1'));
const eth1 = interfaceOf('eth1', {
  ...addressed('169.254.7.7', '10.1.0.1', '10.1.0.2'),
  mtu: 9000,
});
const down = interfaceOf('down0', { up: false });
const bare = interfaceOf('bare0', addressed());
const host = hostOf([eth0, eth1, down, bare]);

const find = (ifaces: string[], publicIp: string | null = null) =>
  findUnderlay(host, { ...NO_CHOICE, ifaces, publicIp });

test("an overlay's own device is no underlay", async () => {
  const host = hostOf([interfaceOf('flannel.1')]);
  await assert.rejects(findUnderlay(host, { ...NO_CHOICE, ifaces: ['flannel.1'] }), {
    code: 'INTERFACE',
    message: /flannel\.1/,
  });
});

test('without a name it is the interface of the default route', async () => {
  assert.deepEqual(await find([]), {
    interface: { name: 'eth0', address: '10.0.0.1', prefixLength: 24, mtu: 1500 },
    publicIp: '10.0.0.1',
  });
});

test('by name, its first address that is not link-local counts; by address, that one', async () => {
  const byName = await find(['eth1']);
  assert.deepEqual(byName.interface, {
    name: 'eth1',
    address: '10.1.0.1',
    prefixLength: 24,
    mtu: 9000,
  });
  const byAddress = await find(['10.1.0.2']);
  assert.deepEqual(byAddress.interface, {
    name: 'eth1',
    address: '10.1.0.2',
    prefixLength: 24,
    mtu: 9000,
  });
  assert.equal(byAddress.publicIp, '10.1.0.2');
});

test('the first that can be used wins', async () => {
  assert.equal((await find(['no0', 'down0', 'eth1', 'eth0'])).interface.name, 'eth1');
});

test('behind NAT the public address need not be on an interface', async () => {
  const found = await find([], '203.0.113.7');
  assert.equal(found.publicIp, '203.0.113.7');
  assert.equal(found.interface.address, '10.0.0.1');
});

test('errors name the interface, what is wrong with it, and what there is', async () => {
  const bad: [string[], RegExp][] = [
    [['no0'], /name or address no0/],
    [['10.9.9.9'], /name or address 10\.9\.9\.9/],
    [['down0'], /down0 is down/],
    [['bare0'], /bare0 has no IPv4 address/],
    [['no0', 'down0'], /no0; interface down0 is down/],
  ];
  for (const [ifaces, message] of bad) {
    await assert.rejects(find(ifaces), (error: unknown) => {
      assert(error instanceof TartanError);
      assert.equal(error.code, 'INTERFACE');
      assert.match(error.message, message);
      assert.match(error.hint, /eth0, eth1, down0, bare0/);
      return true;
    });
  }
});

test('loopback reaches nobody', async () => {
  const lo = interfaceOf('lo', { addresses: [{ address: '127.0.0.1', prefixLength: 8 }] });
  await assert.rejects(findUnderlay(hostOf([lo]), { ...NO_CHOICE, ifaces: ['lo'] }), {
    code: 'INTERFACE',
    message: /127\.0\.0\.1 of interface lo is reached by this host alone/,
  });
});

test('without a default route it asks for a name', async () => {
  const lonely = hostOf([eth0], null);
  const search = findUnderlay(lonely, NO_CHOICE);
  await assert.rejects(search, { code: 'INTERFACE', message: /no default route/ });
});

test('without a name, the present interface goes on as long as it has a default route', async () => {
  const choice = NO_CHOICE;
  const among = (...routes: string[]) => ({
    ...host,
    defaultRouteInterfaces: async () => routes,
  });
  const nameFor = async (routes: string[], present: string | null) =>
    (await findUnderlay(among(...routes), choice, present)).interface.name;
  assert.equal(await nameFor(['eth1', 'eth0'], null), 'eth1');
  assert.equal(await nameFor(['eth1', 'eth0'], 'eth0'), 'eth0');
  assert.equal(await nameFor(['eth1'], 'eth0'), 'eth1');
  // It has one, but is of no use.
  assert.equal(await nameFor(['down0', 'eth1'], 'down0'), 'eth1');
});

test('without any default route the present interface goes on, in doubt', async () => {
  const nowhere = { ...host, defaultRouteInterfaces: async () => [] };
  const choice = NO_CHOICE;
  const found = await findUnderlay(nowhere, choice, 'eth0');
  assert.equal(found.interface.name, 'eth0');
  assert.match(found.doubt ?? '', /no default route.*eth0/);
  await assert.rejects(findUnderlay(nowhere, choice, 'down0'), { message: /down0 is down/ });
  // Named, it needs none.
  assert.equal((await findUnderlay(nowhere, { ...choice, ifaces: ['eth0'] })).doubt, undefined);
});

test('a PublicIP that is the broadcast address of its network is nobody’s', async () => {
  await assert.rejects(find([], '10.0.0.255'), {
    code: 'USAGE',
    message: /--public-ip 10\.0\.0\.255 is the broadcast address of 10\.0\.0\.0\/24/,
  });
});

const findBy = (...ifacePatterns: string[]) => findUnderlay(host, { ...NO_CHOICE, ifacePatterns });

test('an expression takes the first interface whose name or address it fits, behind those named', async () => {
  assert.equal((await findBy('^eth')).interface.name, 'eth0');
  assert.equal((await findBy('eth[1-9]')).interface.address, '10.1.0.1');
  assert.equal((await findBy('^10\\.1\\..*2$')).interface.address, '10.1.0.2');
  assert.equal((await findBy('(?i)^ETH1$')).interface.name, 'eth1');
  assert.equal((await findBy('^wlan', '^eth1')).interface.name, 'eth1');
  const both = { ...NO_CHOICE, ifaces: ['no0', 'eth1'], ifacePatterns: ['^eth0'] };
  assert.equal((await findUnderlay(host, both)).interface.name, 'eth1');
  assert.equal((await findUnderlay(host, { ...both, ifaces: ['no0'] })).interface.name, 'eth0');
});

test('an expression that fits nothing, or nothing of use, is named', async () => {
  await assert.rejects(findBy('^wlan'), {
    code: 'INTERFACE',
    message: 'no interface has a name or address that fits ^wlan',
  });
  await assert.rejects(findBy('^down'), { message: /down0 is down/ });
  for (const go of ['eth[[:digit:]]+', '\\Aeth0', '(?P<a>eth0)']) {
    await assert.rejects(findBy(go), { code: 'USAGE', message: /which Go knows/ }, go);
  }
  await assert.rejects(findBy('('), { code: 'USAGE', message: /"\(" is no regular expression/ });
});

test('it is the interface by which packets to an address leave, by the address that they get', async () => {
  const choice = { ...NO_CHOICE, canReach: '198.51.100.7' };
  const towards = (way: { device: string; source: string | null } | null) => ({
    ...host,
    wayTowards: async (address: string) => (address === choice.canReach ? way : null),
  });
  const { interface: found } = await findUnderlay(
    towards({ device: 'eth1', source: '10.1.0.2' }),
    choice,
  );
  assert.deepEqual([found.name, found.address], ['eth1', '10.1.0.2']);
  const bare = await findUnderlay(towards({ device: 'eth1', source: null }), choice);
  assert.equal(bare.interface.address, '10.1.0.1');
  await assert.rejects(findUnderlay(towards(null), choice), {
    code: 'INTERFACE',
    message: 'there is no way to 198.51.100.7',
  });
  await assert.rejects(findUnderlay(towards({ device: 'flannel.1', source: '10.5.1.0' }), choice), {
    message: /packets to 198\.51\.100\.7 leave by flannel\.1, a device of the overlay/,
  });
  const stays = await findUnderlay(towards(null), choice, 'eth0');
  assert.equal(stays.interface.name, 'eth0');
  assert.match(stays.doubt ?? '', /no way to 198\.51\.100\.7 any more: eth0 stays/);
  const named = { ...choice, ifaces: ['eth0'] };
  assert.equal((await findUnderlay(towards(null), named)).doubt, undefined, 'not asked');
});
