import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFilterNews } from '../../src/kernel/filter_news.ts';
import { createKnownDevices } from '../../src/kernel/news.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import { attribute, text, u32 } from '../../src/sys/netlink_request.ts';
import { messagesOf } from '../../src/sys/news_socket.ts';

/** <linux/rtnetlink.h> */
const [NEWLINK, DELLINK, NEWADDR, NEWROUTE, DELROUTE] = [16, 17, 20, 24, 25];
const [AF_INET, AF_INET6, AF_BRIDGE] = [2, 10, 7];

function linkMessage(type: number, index: number, name: string, mac: number, family = 0) {
  const header = Buffer.alloc(16);
  header.writeUInt8(family, 0);
  header.writeInt32LE(index, 4);
  const octets = Buffer.from([2, 0, 0, 0, 0, mac]);
  return { type, body: Buffer.concat([header, attribute(3, text(name)), attribute(1, octets)]) };
}

function routeMessage(type: number, options: { table?: number; family?: number; to?: string }) {
  const { table = 254, family = AF_INET, to = '10.5.7.0/24' } = options;
  const { address, length } = parsePrefix(to);
  const destination = Buffer.alloc(4);
  destination.writeUInt32BE(address);
  const header = Buffer.from([family, length, 0, 0, table & 255, 116, 0, 1, 0, 0, 0, 0]);
  return {
    type,
    body: Buffer.concat([
      header,
      attribute(15, u32(table)),
      ...(length > 0 ? [attribute(1, destination)] : []),
      attribute(4, u32(7)),
    ]),
  };
}

test('devices are known by name until they are gone; a port that leaves its bridge is not', () => {
  const devices = createKnownDevices();
  devices.learn(linkMessage(NEWLINK, 7, 'eth0', 1));
  const read = (...message: Parameters<typeof linkMessage>) =>
    devices.read(linkMessage(...message));
  const link = { of: 'link', device: 'eth0', before: 'eth0', formerMac: null };
  assert.deepEqual(read(NEWLINK, 7, 'eth0', 1), link);
  assert.deepEqual(read(NEWLINK, 7, 'wan0', 1), { ...link, device: 'wan0' });
  assert.deepEqual(read(NEWLINK, 7, 'wan0', 5), {
    ...{ of: 'link', device: 'wan0', before: 'wan0', formerMac: '02:00:00:00:00:01' },
  });
  read(DELLINK, 7, 'wan0', 5, AF_BRIDGE);
  assert.equal(devices.nameOf(7), 'wan0');
  read(DELLINK, 7, 'wan0', 5);
  assert.equal(devices.nameOf(7), '');
});

test('routes of the IPv4 main table, the default one too', () => {
  const devices = createKnownDevices();
  devices.learn(linkMessage(NEWLINK, 7, 'eth0', 1));
  const route = { of: 'route', device: 'eth0', ours: true, gone: false };
  assert.deepEqual(devices.read(routeMessage(NEWROUTE, {})), {
    ...route,
    destination: parsePrefix('10.5.7.0/24'),
  });
  assert.deepEqual(devices.read(routeMessage(DELROUTE, { to: '0.0.0.0/0' })), {
    ...route,
    destination: parsePrefix('0.0.0.0/0'),
    gone: true,
  });
  assert.equal(devices.read(routeMessage(NEWROUTE, { table: 255 })), null);
  assert.equal(devices.read(routeMessage(NEWROUTE, { table: 510 })), null);
  assert.equal(devices.read(routeMessage(NEWROUTE, { family: AF_INET6 })), null);
});

test('addresses, and what is of no kind known here', () => {
  const devices = createKnownDevices();
  const header = Buffer.from([AF_INET, 24, 0, 0, 9, 0, 0, 0]);
  const local = attribute(2, Buffer.from([10, 0, 0, 1]));
  const body = Buffer.concat([header, attribute(1, Buffer.from([10, 0, 0, 2])), local]);
  const expected = { of: 'address', device: '', address: 0x0a000001 };
  assert.deepEqual(devices.read({ type: NEWADDR, body }), expected);
  assert.equal(devices.read({ type: 80, body }), null);
});

test('nftables: whose table, and what NATs', () => {
  const read = (kind: number, family: number, ...attributes: Buffer[]) => {
    const body = Buffer.concat([Buffer.from([family, 0, 0, 0]), ...attributes]);
    return readFilterNews({ type: (10 << 8) | kind, body }, 'ours');
  };
  const table = (name: string) => attribute(1, text(name));
  const [NEWTABLE, DELTABLE, NEWCHAIN, NEWGEN] = [0, 2, 3, 15];
  const told = { of: 'filter', ours: true, nat: false };
  assert.deepEqual(read(NEWTABLE, 2, table('ours')), told);
  assert.deepEqual(read(DELTABLE, 2, table('ours')), told);
  assert.deepEqual(read(DELTABLE, 10, table('ours')), { ...told, ours: false });
  assert.deepEqual(read(DELTABLE, 2, table('theirs')), { ...told, ours: false });
  const nat = attribute(7, text('nat'));
  assert.deepEqual(read(NEWCHAIN, 1, table('theirs'), nat), { ...told, ours: false, nat: true });
  assert.deepEqual(read(NEWCHAIN, 10, table('theirs'), nat), { ...told, ours: false });
  assert.equal(read(NEWGEN, 0, u32(1)), null);
  assert.equal(readFilterNews({ type: 16, body: Buffer.alloc(4) }, 'ours'), null);
});

test('a datagram of several messages, and one that is cut off', () => {
  const message = (type: number, size: number) => {
    const whole = Buffer.alloc((size + 3) & ~3);
    whole.writeUInt32LE(size, 0);
    whole.writeUInt16LE(type, 4);
    return whole;
  };
  const all = Buffer.concat([message(16, 21), message(17, 16), Buffer.alloc(8)]);
  const read = Array.from(messagesOf(all), ({ type, body }) => [type, body.length]);
  assert.deepEqual(read, [
    [16, 5],
    [17, 0],
  ]);
  assert.deepEqual([...messagesOf(Buffer.alloc(16))], []);
});
