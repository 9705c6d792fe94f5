import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { createLab, type Lab } from '../../lab/lab.ts';
import { readTrafficOf } from '../../src/bpf/counters.ts';
import { trafficLayout } from '../../src/bpf/layouts.gen.ts';
import type { OpenMaps } from '../../src/bpf/open_map.ts';
import { readPeers, removePeers, slotOf, writePeers } from '../../src/bpf/peer_maps.ts';
import { type Pins, pinsOf } from '../../src/bpf/pins.ts';
import { formatIpv4 } from '../../src/net/ipv4.ts';
import { formatPrefix, prefixOf } from '../../src/net/prefix.ts';
import { NO_MAC, type Peer } from '../../src/plan/dataplane.ts';
import { possibleCpus, updateElement } from '../../src/sys/bpf.ts';
import { aMac } from '../../test/arbitraries.ts';
import { assertTables, makeTables, readSources } from './peer_tables.ts';
import { missing } from './requirements.ts';

/** Of sixteen regular subnets from 10.5.1.0/24 on: the first, two within, the last. */
const REGULAR = ['10.5.1.0/24', '10.5.7.0/24', '10.5.8.0/24', '10.5.16.0/24'];

/** Beside, around and within them, of every length. */
const IRREGULAR = [
  ...['10.5.0.0/24', '10.5.17.0/24', '10.5.0.0/16', '10.5.8.0/21', '10.5.7.0/25', '10.5.7.128/25'],
  ...['10.5.8.9/32', '10.9.0.0/24', '0.0.0.0/0', '255.255.255.255/32', '10.5.7.0/23'],
];

const NO_TRAFFIC = { sent_packets: 0, sent_bytes: 0, received_packets: 0, received_bytes: 0 };

function peerOf(subnet: string, publicIp = '192.168.77.1', mac = '02:00:00:00:00:07'): Peer {
  return { subnet: subnet.replace('10.5.7.0/23', '10.5.6.0/23'), publicIp, mac };
}

describe('peers in the maps', { skip: missing() }, () => {
  let lab: Lab;
  let bpffs: string;
  let pins: Pins;
  before(async () => {
    lab = await createLab({ name: 'kernelpeers', hosts: 1, pods: 0 });
    bpffs = lab.host('a').bpffs;
    pins = pinsOf(bpffs, 'peers');
  });
  after(() => lab?.destroy());

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
    using maps = makeTables(bpffs, pins);
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
      { numRuns: 150 },
    );
  });

  for (const [kind, first, second] of [
    ['regular', '10.5.7.0/24', '10.5.8.0/24'],
    ['irregular', '10.6.0.0/20', '10.7.0.0/20'],
    ['a regular and an irregular', '10.5.7.0/24', '10.7.0.0/20'],
  ] as const) {
    it(`two ${kind} subnets with one PublicIP: it is known until the last goes`, () => {
      using maps = makeTables(bpffs, pins);
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
    using maps = makeTables(bpffs, pins);
    const [a, b] = ['192.168.77.1', '192.168.77.2'];
    writePeers(maps, [peerOf('10.5.7.0/24', a), peerOf('10.6.0.0/20', b)]);
    const swapped = [peerOf('10.5.7.0/24', b), peerOf('10.6.0.0/20', a)];
    writePeers(maps, swapped);
    assertTables(maps, new Map(swapped.map((peer) => [peer.subnet, peer])));
  });

  /** As if packets had gone to and fro. */
  function pretendTraffic(maps: OpenMaps, subnet: string): void {
    const value = Buffer.alloc(trafficLayout.size * possibleCpus(), 1);
    const key = Buffer.alloc(4);
    key.writeUInt32LE(slotOf(maps, subnet) ?? assert.fail(`nobody holds ${subnet}`));
    updateElement(maps.peer_counters.fd, key, value);
  }

  for (const [kind, subnet, successor] of [
    ['regular', '10.5.7.0/24', '10.5.7.0/24'],
    ['irregular', '10.6.0.0/20', '10.7.0.0/20'],
  ] as const) {
    it(`a removed ${kind} peer leaves nothing counted for its successor`, () => {
      using maps = makeTables(bpffs, pins);
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
      using maps = makeTables(bpffs, pins);
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
    using maps = makeTables(bpffs, pins);
    const first = { ...peerOf('10.5.7.0/24', '192.168.77.1'), mac: NO_MAC };
    writePeers(maps, [first]);
    pretendTraffic(maps, first.subnet);
    writePeers(maps, [{ ...first, publicIp: '192.168.77.2' }]);
    assert.deepEqual(readTrafficOf(maps, first.subnet), NO_TRAFFIC);
  });

  it('10,000 by one op', (t) => {
    using maps = makeTables(bpffs, pins, {
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
    timed('removed', () =>
      removePeers(
        maps,
        peers.map(({ subnet }) => subnet),
      ),
    );
    assert.equal(readPeers(maps).size, 0);
    assert.equal(readSources(maps).size, 0);
  });

  it('1,024 irregular ones stand; one more is refused before anything is written', () => {
    using maps = makeTables(bpffs, pins);
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

/** The regular subnets of 10.0.0.0/8, from 0 on. */
function subnetNumber(number: number): string {
  return formatPrefix(prefixOf(0x0a00_0000 + number * 256, 24));
}
