import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { CounterName } from '../../src/bpf/counters.ts';
import { assertDropped, assertHandedOn } from './expect.ts';
import { ETHERTYPE } from './packets.ts';
import { loadPrograms, missing } from './programs.ts';
import { COVERED, decapsulated, PEER } from './scene.ts';
import { loadStage } from './stage.ts';

describe('vxlan_check', { skip: missing('clang') }, () => {
  const programs = loadPrograms();
  const stage = loadStage(programs);
  after(() => {
    stage[Symbol.dispose]();
    programs[Symbol.dispose]();
  });
  const check = (packet: Buffer, tunnelSource: string, length?: number) =>
    stage.run('vxlan_check', packet, { tunnelSource, ...(length !== undefined && { length }) });

  it('leaves alone what vxlan_receive has checked: it has no tunnel key', () => {
    for (const packet of [decapsulated(), decapsulated({ type: ETHERTYPE.arp })])
      assertHandedOn(programs.run('vxlan_check', packet), packet);
  });

  for (const source of ['10.5.20.0', '10.5.20.255', '192.0.2.77']) {
    it(`passes ${source} from its peer, and counts it`, () => {
      const packet = decapsulated({ source });
      const outcome = check(packet, PEER.publicIp);
      assert.deepEqual(outcome.effects, {
        verdict: 'handedOn',
        counters: { slow_received: 1 },
        traffic: { [PEER.subnet]: { received_packets: 1, received_bytes: packet.length - 14 } },
      });
      assert.deepEqual(outcome.packet, packet);
    });
  }

  it('does not ask a merged packet for its length', () => {
    const steps = { tunnelSource: PEER.publicIp, gsoSegments: 2, gsoSize: 50 };
    const { effects } = stage.run('vxlan_check', decapsulated({ totalLength: 93 }), steps);
    assert.equal(effects.verdict, 'handedOn');
  });

  it('counts a GSO packet as its segments', () => {
    const steps = { tunnelSource: PEER.publicIp, gsoSegments: 7 };
    const { effects } = stage.run('vxlan_check', decapsulated(), steps);
    assert.equal(effects.traffic[PEER.subnet]?.received_packets, 7);
  });

  const STRANGER = '203.0.113.9';
  const dropped: [string, CounterName, Buffer, string, number?][] = [
    ['ARP', 'drop_not_ipv4', decapsulated({ type: ETHERTYPE.arp }), PEER.publicIp],
    ['IPv6', 'drop_not_ipv4', decapsulated({ type: ETHERTYPE.ipv6 }), PEER.publicIp],
    ['IP version 6 under IPv4', 'drop_not_ipv4', decapsulated({ version: 6 }), PEER.publicIp],
    ['a header of 4 words', 'drop_not_ipv4', decapsulated({ headerWords: 4 }), PEER.publicIp],
    ['a length beyond the packet', 'drop_length', decapsulated({ totalLength: 93 }), PEER.publicIp],
    ['a length below the header', 'drop_length', decapsulated({ totalLength: 19 }), PEER.publicIp],
    ['33 bytes', 'drop_truncated', decapsulated(), PEER.publicIp, 33],
    ['a frame without a packet', 'drop_truncated', decapsulated(), PEER.publicIp, 14],
    [
      'another MAC',
      'drop_wrong_mac',
      decapsulated({ destination: '02:d0:00:00:00:18' }),
      PEER.publicIp,
    ],
    ['a stranger', 'drop_unknown_peer', decapsulated(), STRANGER],
    [
      'a stranger with a source outside',
      'drop_unknown_peer',
      decapsulated({ source: '192.0.2.7' }),
      STRANGER,
    ],
    ["another peer's source", 'drop_spoofed_source', decapsulated(), COVERED.publicIp],
    ['our own source', 'drop_spoofed_source', decapsulated({ source: '10.5.17.2' }), PEER.publicIp],
  ];
  for (const [name, counter, packet, tunnelSource, length] of dropped) {
    it(`drops ${name}`, () => assertDropped(check(packet, tunnelSource, length), counter));
  }

  it('drops everything that the kernel decapsulated while the tunnel is closed', () => {
    using closed = loadPrograms({ settings: null });
    using closedStage = loadStage(closed);
    const tunnelSource = PEER.publicIp;
    for (const packet of [decapsulated(), decapsulated({ type: ETHERTYPE.arp })])
      assertDropped(closedStage.run('vxlan_check', packet, { tunnelSource }), 'drop_closed');
  });

  it('passes lengths that leave bytes over at the end', () => {
    const { effects } = check(decapsulated({ totalLength: 91 }), PEER.publicIp);
    assert.equal(effects.verdict, 'handedOn');
  });

  it('passes the shortest packet that there is', () => {
    const { effects } = check(decapsulated({ totalLength: 20 }), PEER.publicIp, 34);
    assert.deepEqual(effects.traffic, {
      [PEER.subnet]: { received_packets: 1, received_bytes: 20 },
    });
  });
});
