/** Packets in states in which only the kernel's device can do it, or in which they are more than one on the wire. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { assertDropped, assertHandedOn, assertRedirected } from './expect.ts';
import { LENGTH, letters, PROTOCOL } from './packets.ts';
import { loadPrograms, missing } from './programs.ts';
import { PEER, received, sent, tcpPayload } from './scene.ts';
import { loadStage } from './stage.ts';

const GSO = { gsoSegments: 5, gsoSize: 100 } as const;
const TCP = { protocol: PROTOCOL.tcp } as const;

describe('packets that are not plain', { skip: missing('clang') }, () => {
  const programs = loadPrograms();
  const stage = loadStage(programs);
  after(() => {
    stage[Symbol.dispose]();
    programs[Symbol.dispose]();
  });

  it('sends and counts segments', () => {
    const packet = sent(TCP, tcpPayload(500));
    const outcome = programs.run('vxlan_send', packet, { gsoSegments: 5 });
    assertRedirected(outcome, PEER, { sent_packets: 5, sent_bytes: packet.length - 14 });
  });

  it('counts segments received, and the bytes of their inner packet', () => {
    const packet = received({ inner: TCP, payload: tcpPayload(500) });
    const outcome = programs.run('vxlan_receive', packet, { gsoSegments: 5 });
    const bytes = packet.length - LENGTH.overhead - LENGTH.ethernet;
    assertRedirected(outcome, PEER, { received_packets: 5, received_bytes: bytes });
  });

  /** To the peer's MAC, for the kernel's device to encapsulate. */
  function assertSentSlowly(packet: Buffer, out: Buffer): void {
    assert.equal(out.toString('hex', 0, 6), PEER.mac.replaceAll(':', ''));
    assert.deepEqual(out.subarray(6), packet.subarray(6));
  }

  it('leaves sending an unusual GSO type to the kernel', () => {
    const packet = sent({}, letters(500));
    const outcome = programs.run('vxlan_send', packet, GSO);
    assert.deepEqual(outcome.effects, {
      verdict: 'handedOn',
      counters: { slow_send_room: 1 },
      traffic: { [PEER.subnet]: { sent_packets: 5, sent_bytes: packet.length - 14 } },
    });
    assertSentSlowly(packet, outcome.packet);
  });

  it('leaves sending what has been encapsulated before to the kernel', () => {
    const packet = sent();
    const outcome = stage.run('vxlan_send', packet, { isEncapsulated: true });
    assert.deepEqual(outcome.effects, {
      verdict: 'handedOn',
      counters: { slow_send_room: 1 },
      traffic: {
        [PEER.subnet]: { sent_packets: 1, sent_bytes: packet.length + LENGTH.overhead - 14 },
      },
    });
    assert.equal(outcome.packet.length, packet.length + LENGTH.overhead);
    assert.equal(outcome.packet.toString('hex', 0, 6), PEER.mac.replaceAll(':', ''));
    assert.deepEqual(outcome.packet.subarray(14 + LENGTH.overhead), packet.subarray(14));
  });

  it('leaves receiving GSO packets that are not TCP to the kernel', () => {
    const packet = received();
    const outcome = programs.run('vxlan_receive', packet, GSO);
    assertHandedOn(outcome, packet, 'slow_receive_gso');
  });

  it('leaves receiving an unusual GSO type to the kernel', () => {
    const packet = received({ inner: TCP, payload: tcpPayload(500) });
    const outcome = programs.run('vxlan_receive', packet, GSO);
    assertHandedOn(outcome, packet, 'slow_receive_room');
  });

  it('does not ask a merged packet for its lengths, but for everything else', () => {
    const lengths = { outer: { totalLength: 50 }, udp: { length: 3000 } };
    const packet = received(lengths);
    assertHandedOn(programs.run('vxlan_receive', packet, GSO), packet, 'slow_receive_gso');
    assertDropped(programs.run('vxlan_receive', packet), 'drop_length');
    const spoofed = received({ ...lengths, inner: { source: '10.5.25.1' } });
    assertDropped(programs.run('vxlan_receive', spoofed, GSO), 'drop_spoofed_source');
  });

  it('leaves to the host what has a VLAN tag: no tunnel of ours comes through a VLAN of the underlay', () => {
    const outcome = stage.run('vxlan_receive', received(), { vlan: 7 });
    assertHandedOn(outcome, received());
  });

  it('drops what is cut short on its way out', () => {
    for (const length of [14, 20, 33])
      assertDropped(stage.run('vxlan_send', sent(), { length }), 'drop_truncated');
    assert.equal(stage.run('vxlan_send', sent(), { length: 34 }).effects.verdict, 'redirected');
  });

  it('hands on what is cut short on its way in, before anything of it is read', () => {
    for (const length of [14, 20, 33, 41]) {
      const packet = received();
      const outcome = stage.run('vxlan_receive', packet, { length });
      assertHandedOn(outcome, packet.subarray(0, length));
    }
  });
});
