import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readTrafficOf } from '../../src/bpf/counters.ts';
import { hasStrays, readPeers, removePeers, writePeers } from '../../src/bpf/peer_maps.ts';
import { formatIpv4 } from '../../src/net/ipv4.ts';
import { formatMac } from '../../src/net/mac.ts';
import { formatPrefix, prefixOf } from '../../src/net/prefix.ts';
import type { Peer } from '../../src/plan/dataplane.ts';
import {
  assertTables,
  NO_TRAFFIC,
  pretendTraffic,
  readSources,
  tablesOfSuite,
} from './peer_tables.ts';
import { missing } from './requirements.ts';

const MAC = '02:00:00:00:00:07';

function peerOf(subnet: string, publicIp: string, mac = MAC): Peer {
  return { subnet, publicIp, mac };
}

function bySubnet(a: Peer, b: Peer): number {
  return a.subnet < b.subnet ? -1 : 1;
}

function macNumbered(number: number): string {
  return formatMac([2, 0, 0, 0, number >> 8, number & 255]);
}

describe('many peers in the maps', { skip: missing() }, () => {
  const makeTables = tablesOfSuite('manypeers');

  it('more than a few by one op: who keeps a subnet keeps its counts, who gets one has none', () => {
    using maps = makeTables({ firstSubnet: '10.5.0.0/24', subnetCount: 256 });
    const peers = Array.from({ length: 200 }, (_, number) =>
      peerOf(`10.5.${number}.0/24`, `192.168.77.${1 + number}`, macNumbered(number)),
    );
    writePeers(maps, peers);
    const [kept = '', passed = ''] = peers.slice(50).map(({ subnet }) => subnet);
    for (const subnet of [kept, passed]) pretendTraffic(maps, subnet);
    const next = peers.map((peer, number) =>
      peer.subnet === kept
        ? peer
        : { ...peer, publicIp: '192.168.78.1', mac: macNumbered(1000 + number) },
    );
    writePeers(maps, next);
    assertTables(maps, new Map(next.map((peer) => [peer.subnet, peer])));
    assert.notDeepEqual(readTrafficOf(maps, kept), NO_TRAFFIC);
    assert.deepEqual(readTrafficOf(maps, passed), NO_TRAFFIC);
  });

  it('10,000 by one op', (t) => {
    using maps = makeTables({
      network: '10.0.0.0/8',
      firstSubnet: '10.0.0.0/24',
      subnetCount: 65_536,
    });
    const peers = Array.from({ length: 10_000 }, (_, number) =>
      peerOf(subnetNumber(6 * number), formatIpv4(0xac10_0000 + number)),
    );
    const timed = (what: string, act: () => void) => {
      const start = performance.now();
      act();
      t.diagnostic(`${what}: ${(performance.now() - start).toFixed(0)} ms`);
    };
    timed('written', () => writePeers(maps, peers));
    timed('read', () => assert.equal(readPeers(maps).size, peers.length));
    assert.deepEqual([...readPeers(maps).values()], peers);
    assert.equal(readSources(maps).size, peers.length);
    timed('one changed', () => writePeers(maps, [peerOf(subnetNumber(6), '172.31.0.1')]));
    const moved = peers
      .slice(0, 5_000)
      .map((peer, number) => ({ ...peer, publicIp: formatIpv4(0xac20_0000 + number) }));
    timed('half of them changed', () => writePeers(maps, moved));
    const expected = [...moved, ...peers.slice(moved.length)];
    assert.deepEqual([...readPeers(maps).values()], expected);
    const sources = expected.map(({ publicIp }) => publicIp);
    assert.deepEqual([...readSources(maps).keys()].sort(), sources.sort());
    timed('removed', () =>
      removePeers(
        maps,
        peers.map(({ subnet }) => subnet),
      ),
    );
    assert.equal(readPeers(maps).size, 0);
    assert.equal(readSources(maps).size, 0);
  });

  it('whose PublicIPs all change at once, where there is no room for the new ones beside the old', () => {
    using maps = makeTables({ firstSubnet: '10.5.0.0/24', subnetCount: 256 });
    const peersOf = (network: number) => [
      ...Array.from({ length: 250 }, (_, number) =>
        peerOf(`10.5.${number}.0/24`, formatIpv4(network + number)),
      ),
      ...Array.from({ length: 1000 }, (_, number) =>
        peerOf(`10.6.${number >> 6}.${4 * (number & 63)}/30`, formatIpv4(network + 1000 + number)),
      ),
    ];
    writePeers(maps, peersOf(0xac10_0000));
    const moved = peersOf(0xac11_0000);
    writePeers(maps, moved);
    assert.deepEqual([...readPeers(maps).values()].sort(bySubnet), moved.sort(bySubnet));
    assert.equal(hasStrays(maps), false);
    assert.equal(readSources(maps).size, moved.length);
  });

  it('1,024 irregular ones stand; one more is refused before anything is written', () => {
    using maps = makeTables();
    const peers = Array.from({ length: 1024 }, (_, number) =>
      peerOf(`10.6.${number >> 6}.${4 * (number & 63)}/30`, formatIpv4(0xac10_0000 + number)),
    );
    writePeers(maps, peers);
    writePeers(
      maps,
      peers.map((peer) => ({ ...peer, mac: '02:00:00:00:00:08' })),
    );
    const more = [peerOf('10.7.0.0/20', '10.1.1.1'), peerOf('10.5.7.0/24', '10.1.1.2')];
    assert.throws(() => writePeers(maps, more), {
      name: 'TartanError',
      code: 'KERNEL',
      message: /10\.7\.0\.0\/20.*1024/,
      hint: /SubnetLen/,
    });
    assert.equal(readPeers(maps).size, 1024);
    assert.equal(readSources(maps).size, 1024);
    removePeers(
      maps,
      peers.slice(0, 1).map(({ subnet }) => subnet),
    );
    writePeers(maps, more);
    assert.equal(readPeers(maps).size, 1025);
  });
});

function subnetNumber(number: number): string {
  return formatPrefix(prefixOf(0x0a00_0000 + number * 256, 24));
}
