import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { fewer } from '../../lab/patience.ts';
import { readTrafficOf } from '../../src/bpf/counters.ts';
import { readPeers, removePeers, slotOf, writePeers } from '../../src/bpf/peer_maps.ts';
import { writeSources } from '../../src/bpf/source_map.ts';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import { NO_MAC, type Peer } from '../../src/plan/dataplane.ts';
import { aMac } from '../../test/arbitraries.ts';
import {
  assertTables,
  NO_TRAFFIC,
  pretendTraffic,
  readSources,
  tablesOfSuite,
} from './peer_tables.ts';
import { missing } from './requirements.ts';

/** Of sixteen regular subnets from 10.5.1.0/24 on: the first, two within, the last. */
const REGULAR = ['10.5.1.0/24', '10.5.7.0/24', '10.5.8.0/24', '10.5.16.0/24'];

/** Beside, around and within them, of every length. */
const IRREGULAR = [
  ...['10.5.0.0/24', '10.5.17.0/24', '10.5.0.0/16', '10.5.8.0/21', '10.5.7.0/25', '10.5.7.128/25'],
  ...['10.5.8.9/32', '10.9.0.0/24', '0.0.0.0/0', '255.255.255.255/32', '10.5.7.0/23'],
];

function peerOf(subnet: string, publicIp = '192.168.77.1', mac = '02:00:00:00:00:07'): Peer {
  return { subnet: subnet.replace('10.5.7.0/23', '10.5.6.0/23'), publicIp, mac };
}

describe('peers in the maps', { skip: missing() }, () => {
  const makeTables = tablesOfSuite('kernelpeers');

  const aPeer = fc
    .tuple(
      fc.constantFrom(...REGULAR, ...IRREGULAR),
      fc.constantFrom('192.168.77.1', '192.168.77.2', '192.168.77.3', '0.0.0.1', '255.255.255.254'),
      aMac,
    )
    .map(([subnet, publicIp, mac]) => peerOf(subnet, publicIp, mac));
  const aWrite = fc
    .uniqueArray(aPeer, { selector: ({ subnet }) => subnet, maxLength: 8 })
    .map((write) => ({ write, remove: [] as string[] }));
  const aRemoval = fc
    .subarray([...REGULAR, ...IRREGULAR].map((subnet) => peerOf(subnet).subnet))
    .map((remove) => ({ write: [] as Peer[], remove }));

  it('are what was written, whatever is written and removed in which order', () => {
    using maps = makeTables();
    fc.assert(
      fc.property(fc.array(fc.oneof(aWrite, aRemoval), { maxLength: 8 }), (steps) => {
        removePeers(maps, [...readPeers(maps).keys()]);
        const expected = new Map<string, Peer>();
        for (const { write, remove } of steps) {
          if (remove.length > 0) removePeers(maps, remove);
          if (write.length > 0) writePeers(maps, write);
          for (const subnet of remove) expected.delete(subnet);
          for (const peer of write) expected.set(peer.subnet, peer);
          assertTables(maps, expected);
        }
      }),
      { numRuns: fewer(150) },
    );
  });

  for (const [kind, first, second] of [
    ['regular', '10.5.7.0/24', '10.5.8.0/24'],
    ['irregular', '10.6.0.0/20', '10.7.0.0/20'],
    ['a regular and an irregular', '10.5.7.0/24', '10.7.0.0/20'],
  ] as const) {
    it(`two ${kind} subnets with one PublicIP: it is known until the last goes`, () => {
      using maps = makeTables();
      writePeers(maps, [peerOf(first), peerOf(second)]);
      removePeers(maps, [second]);
      assertTables(maps, new Map([[first, peerOf(first)]]));
      writePeers(maps, [peerOf(second)]);
      writePeers(maps, [peerOf(second, '192.168.77.2')]);
      assert.deepEqual([...readSources(maps).keys()].sort(), ['192.168.77.1', '192.168.77.2']);
      assertTables(
        maps,
        new Map([peerOf(first), peerOf(second, '192.168.77.2')].map((peer) => [peer.subnet, peer])),
      );
      removePeers(maps, [first, second]);
      assert.equal(readSources(maps).size, 0);
    });
  }

  it('the PublicIPs of two peers change places', () => {
    using maps = makeTables();
    const [a, b] = ['192.168.77.1', '192.168.77.2'];
    writePeers(maps, [peerOf('10.5.7.0/24', a), peerOf('10.6.0.0/20', b)]);
    const swapped = [peerOf('10.5.7.0/24', b), peerOf('10.6.0.0/20', a)];
    writePeers(maps, swapped);
    assertTables(maps, new Map(swapped.map((peer) => [peer.subnet, peer])));
  });

  for (const [kind, subnet, successor] of [
    ['regular', '10.5.7.0/24', '10.5.7.0/24'],
    ['irregular', '10.6.0.0/20', '10.7.0.0/20'],
  ] as const) {
    it(`a removed ${kind} peer leaves nothing counted for its successor`, () => {
      using maps = makeTables();
      writePeers(maps, [peerOf(subnet), peerOf('10.5.8.0/24')]);
      pretendTraffic(maps, subnet);
      pretendTraffic(maps, '10.5.8.0/24');
      const slot = slotOf(maps, subnet);
      removePeers(maps, [subnet]);
      writePeers(maps, [peerOf(successor)]);
      assert.equal(slotOf(maps, successor), slot);
      assert.deepEqual(readTrafficOf(maps, successor), NO_TRAFFIC);
      assert.notDeepEqual(readTrafficOf(maps, '10.5.8.0/24'), NO_TRAFFIC, 'others keep theirs');
    });
  }

  for (const [kind, subnet] of [
    ['regular', '10.5.7.0/24'],
    ['irregular', '10.6.0.0/20'],
  ] as const) {
    it(`a ${kind} subnet that passes to another host loses its counts; one whose host changes keeps them`, () => {
      using maps = makeTables();
      const first = peerOf(subnet);
      writePeers(maps, [first]);
      pretendTraffic(maps, subnet);
      const moved = { ...first, publicIp: '192.168.77.9' };
      const renewed = { ...moved, mac: '02:00:00:00:00:aa' };
      for (const same of [first, moved, renewed]) {
        writePeers(maps, [same]);
        assert.notDeepEqual(readTrafficOf(maps, subnet), NO_TRAFFIC);
      }
      writePeers(maps, [{ subnet, publicIp: '192.168.77.10', mac: '02:00:00:00:00:bb' }]);
      assert.deepEqual(readTrafficOf(maps, subnet), NO_TRAFFIC);
    });
  }

  it('a subnet without MACs that passes to another host loses its counts', () => {
    using maps = makeTables();
    const first = { ...peerOf('10.5.7.0/24', '192.168.77.1'), mac: NO_MAC };
    writePeers(maps, [first]);
    pretendTraffic(maps, first.subnet);
    writePeers(maps, [{ ...first, publicIp: '192.168.77.2' }]);
    assert.deepEqual(readTrafficOf(maps, first.subnet), NO_TRAFFIC);
  });

  it('a run that was cut short: its PublicIPs are put right when the next peer goes', () => {
    using maps = makeTables();
    const [first, second] = [peerOf('10.5.7.0/24', '192.168.77.1'), peerOf('10.5.8.0/24')];
    writePeers(maps, [first, { ...second, publicIp: '192.168.77.2' }]);
    const strayed = { address: parseIpv4('192.168.77.66'), slot: 3 };
    writeSources(maps, [strayed, { address: parseIpv4('192.168.77.1'), slot: 3 }]);
    removePeers(maps, [second.subnet]);
    assertTables(maps, new Map([[first.subnet, first]]));
  });

  it('one of which a part has changed is read as it is now', () => {
    using maps = makeTables();
    const first = peerOf('10.5.7.0/24');
    for (const change of [
      { mac: '02:00:00:00:00:08' },
      { mac: '03:00:00:00:00:07' },
      { publicIp: '192.168.77.2' },
      { direct: true as const },
    ]) {
      for (const peer of [first, { ...first, ...change }]) {
        writePeers(maps, [peer]);
        assert.deepEqual(readPeers(maps), new Map([[peer.subnet, peer]]));
      }
    }
  });
});

/** The regular subnets of 10.0.0.0/8, from 0 on. */
