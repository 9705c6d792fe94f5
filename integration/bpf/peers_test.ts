/** Leases of another length than the network's, or outside SubnetMin to SubnetMax: the trie beside the array. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { peerLayout } from '../../src/bpf/layouts.gen.ts';
import { removePeers, writePeers } from '../../src/bpf/peer_maps.ts';
import { encodeStruct } from '../../src/bpf/struct_codec.ts';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import type { Peer } from '../../src/plan/dataplane.ts';
import { updateElement } from '../../src/sys/bpf.ts';
import { assertDropped } from './expect.ts';
import { LENGTH } from './packets.ts';
import { loadPrograms, missing, type Programs } from './programs.ts';
import {
  ABOVE,
  BELOW,
  COVERED,
  IRREGULAR,
  LONGER,
  PEER,
  REGULAR,
  received,
  SETTINGS,
  SHORTER,
  sent,
} from './scene.ts';

/** No ICMP error comes of it where nobody holds the destination. */
const UNANSWERED = { source: '127.0.0.1' } as const;

function assertSentTo(programs: Programs, destination: string, peer: Peer): void {
  const { effects, packet } = programs.run('vxlan_send', sent({ destination }));
  assert.equal(effects.verdict, 'redirected', destination);
  assert.deepEqual(Object.keys(effects.traffic), [peer.subnet], destination);
  assert.equal(packet.subarray(30, 34).join('.'), peer.publicIp);
  assert.equal(packet.toString('hex', 50, 56), peer.mac.replaceAll(':', ''));
}

function assertReceivedFrom(programs: Programs, source: string, peer: Peer): void {
  const packet = received({ outer: { source: peer.publicIp }, inner: { source } });
  const { effects } = programs.run('vxlan_receive', packet);
  assert.deepEqual(effects, {
    verdict: 'redirected',
    counters: {},
    traffic: {
      [peer.subnet]: {
        received_packets: 1,
        received_bytes: packet.length - LENGTH.overhead - LENGTH.ethernet,
      },
    },
  });
}

function assertSpoofed(programs: Programs, source: string, peer: Peer): void {
  const packet = received({ outer: { source: peer.publicIp }, inner: { source } });
  assertDropped(programs.run('vxlan_receive', packet), 'drop_spoofed_source');
}

describe('irregular peers', { skip: missing() }, () => {
  const programs = loadPrograms({ peers: [...REGULAR, ...IRREGULAR] });
  after(() => programs[Symbol.dispose]());

  for (const [name, peer, addresses] of [
    ['a shorter lease', SHORTER, ['10.5.24.0', '10.5.24.255', '10.5.26.0', '10.5.27.255']],
    ['a lease of the array within a shorter one', COVERED, ['10.5.25.0', '10.5.25.255']],
    ['a longer lease', LONGER, ['10.5.20.64', '10.5.20.127']],
    ['a lease below SubnetMin', BELOW, ['10.5.4.0', '10.5.4.255']],
    ['a lease above SubnetMax', ABOVE, ['10.5.200.0', '10.5.200.255']],
    ['a lease of the array', PEER, ['10.5.20.63', '10.5.20.128']],
  ] as const) {
    it(`sends to the holder of ${name}`, () => {
      for (const address of addresses) assertSentTo(programs, address, peer);
    });
    it(`believes the holder of ${name}`, () => {
      for (const address of addresses) assertReceivedFrom(programs, address, peer);
    });
  }

  it('does not believe one whose lease is covered by another', () => {
    assertSpoofed(programs, '10.5.25.9', SHORTER);
    assertSpoofed(programs, '10.5.20.64', PEER);
    assertSpoofed(programs, '10.5.20.63', LONGER);
    assertSpoofed(programs, '10.5.28.0', SHORTER);
  });

  for (const destination of ['10.5.3.255', '10.5.5.0', '10.5.199.255', '10.5.201.0', '10.5.28.0']) {
    it(`has nobody for ${destination}`, () => {
      const packet = sent({ destination, ...UNANSWERED });
      assertDropped(programs.run('vxlan_send', packet), 'drop_no_peer');
    });
  }
});

describe('peers that come and go', { skip: missing() }, () => {
  const send = (programs: Programs, destination: string) =>
    programs.run('vxlan_send', sent({ destination, ...UNANSWERED }));

  it('gives a subnet to the shorter lease when the one in the array ends', () => {
    using programs = loadPrograms({ peers: [...REGULAR, ...IRREGULAR] });
    removePeers(programs.maps, [COVERED.subnet, PEER.subnet]);
    assertSentTo(programs, '10.5.25.9', SHORTER);
    assertReceivedFrom(programs, '10.5.25.9', SHORTER);
    assertSentTo(programs, '10.5.20.64', LONGER);
    assertDropped(send(programs, '10.5.20.63'), 'drop_no_peer');
  });

  it('gives a subnet back to the one in the array when the irregular lease ends', () => {
    using programs = loadPrograms({ peers: [...REGULAR, ...IRREGULAR] });
    removePeers(programs.maps, [SHORTER.subnet, LONGER.subnet]);
    assertSentTo(programs, '10.5.25.9', COVERED);
    assertSentTo(programs, '10.5.20.64', PEER);
    assertReceivedFrom(programs, '10.5.25.9', COVERED);
    assertDropped(send(programs, '10.5.24.1'), 'drop_no_peer');
    assertSentTo(programs, '10.5.4.1', BELOW);
    removePeers(programs.maps, [BELOW.subnet, ABOVE.subnet]);
    assertDropped(send(programs, '10.5.4.1'), 'drop_no_peer');
    assertSentTo(programs, '10.5.20.64', PEER);
  });

  it('finds the first irregular lease as soon as it is written', () => {
    using programs = loadPrograms();
    assertSentTo(programs, '10.5.20.64', PEER);
    writePeers(programs.maps, [LONGER]);
    assertSentTo(programs, '10.5.20.64', LONGER);
  });

  it('knows a removed peer no longer, neither as destination nor as source', () => {
    using programs = loadPrograms();
    removePeers(programs.maps, [PEER.subnet]);
    assertDropped(send(programs, '10.5.20.3'), 'drop_no_peer');
    assertDropped(programs.run('vxlan_receive', received()), 'drop_unknown_peer');
  });

  it('believes a subnet of its new holder only', () => {
    using programs = loadPrograms();
    writePeers(programs.maps, [{ ...PEER, publicIp: '192.0.2.99', mac: '02:cc:00:00:00:99' }]);
    assertDropped(programs.run('vxlan_receive', received()), 'drop_unknown_peer');
    const packet = received({ outer: { source: '192.0.2.99' } });
    assert.equal(programs.run('vxlan_receive', packet).effects.verdict, 'redirected');
  });

  it('takes nothing from the array beyond the number of subnets', () => {
    using programs = loadPrograms();
    const key = Buffer.alloc(4);
    key.writeUInt32LE(SETTINGS.subnetCount);
    const stray = { address: parseIpv4('192.0.2.1'), slot: 0, mac: PEER.mac, flags: 1, length: 24 };
    updateElement(programs.maps.peers.fd, key, encodeStruct(peerLayout, stray));
    assertDropped(send(programs, '10.5.32.1'), 'drop_no_peer');
  });

  it('takes no entry of the trie that is not valid', () => {
    using programs = loadPrograms();
    writePeers(programs.maps, [LONGER]);
    const key = Buffer.from([26, 0, 0, 0, 10, 5, 20, 64]);
    updateElement(programs.maps.peers_lpm.fd, key, Buffer.alloc(peerLayout.size));
    assertSentTo(programs, '10.5.20.64', PEER);
  });
});
