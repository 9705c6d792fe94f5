import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import { lastAddress, parsePrefix } from '../../src/net/prefix.ts';
import { peerTableOf } from '../../src/relay/peers.ts';
import { anAddress, aPrefix } from '../arbitraries.ts';

const PEERS = [
  ['10.5.0.0/22', '192.168.0.1'],
  ['10.5.2.0/24', '192.168.0.2'],
  ['10.5.2.64/26', '192.168.0.3'],
].map(([subnet = '', publicIp = '']) => ({
  subnet: parsePrefix(subnet),
  publicIp: parseIpv4(publicIp),
}));

const table = peerTableOf(PEERS, [parsePrefix('10.5.0.0/16')]);

test('the longest prefix holds an address', () => {
  for (const [address, holder] of [
    ['10.5.1.7', '192.168.0.1'],
    ['10.5.2.7', '192.168.0.2'],
    ['10.5.2.64', '192.168.0.3'],
    ['10.5.2.128', '192.168.0.2'],
    ['10.5.2.7', '192.168.0.2'],
  ] as const) {
    assert.equal(table.holderOf(parseIpv4(address)), parseIpv4(holder), address);
  }
  assert.equal(table.holderOf(parseIpv4('10.5.4.1')), 0);
  assert.equal(table.holderOf(parseIpv4('0.0.0.0')), 0);
});

test('a peer sends from its own subnet, and from outside the network', () => {
  const may = (publicIp: string, source: string) =>
    table.maySend(parseIpv4(publicIp), parseIpv4(source));
  assert.equal(may('192.168.0.2', '10.5.2.7'), true);
  assert.equal(may('192.168.0.1', '10.5.2.7'), false, "another's");
  assert.equal(may('192.168.0.2', '10.5.9.7'), false, "nobody's, or this host's");
  assert.equal(may('192.168.0.2', '8.8.8.8'), true, 'outside');
  assert(table.isPeer(parseIpv4('192.168.0.3')));
  assert(!table.isPeer(parseIpv4('192.168.0.4')));
});

test('as a look at every prefix would say', () => {
  const peers = fc.array(fc.record({ subnet: aPrefix, publicIp: anAddress.filter((a) => a > 0) }), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(peers, anAddress, (all, address) => {
      const holders = all
        .filter(({ subnet }) => subnet.address <= address && address <= lastAddress(subnet))
        .sort((left, right) => left.subnet.length - right.subnet.length);
      const longest = holders.at(-1)?.subnet.length;
      const right = holders.filter(({ subnet }) => subnet.length === longest);
      const found = peerTableOf(all, []).holderOf(address);
      assert(found === 0 ? right.length === 0 : right.some(({ publicIp }) => publicIp === found));
    }),
  );
});
