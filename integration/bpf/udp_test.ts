/** udp's programs, each by single packets: what goes out and in, what is finished or cut first. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { assertDropped, assertHandedOn, assertRedirected } from './expect.ts';
import { ECN, hasValidChecksum, LENGTH, letters, PROTOCOL } from './packets.ts';
import { loadPrograms, missing, type Programs } from './programs.ts';
import { COVERED, NOBODYS_POD, PEER, sent, tcpPayload, udpPayload } from './scene.ts';
import { assertInner, OVERHEAD, receivedByUdp, UDP } from './scene_udp.ts';

const IP = LENGTH.ethernet;

describe('the programs of udp', { skip: missing() }, () => {
  let programs: Programs;
  beforeEach(() => {
    programs = loadPrograms({ object: 'udp', settings: UDP });
  });
  afterEach(() => programs[Symbol.dispose]());
  const receive = (packet: Buffer) => programs.run('udp_receive', packet);
  /** From then on the peer is known to take packets off in its kernel. */
  const hearFromKernel = () => receive(receivedByUdp());

  describe('udp_send', () => {
    it('has a packet for a peer that may be a relay finished first', () => {
      assertHandedOn(programs.run('udp_send', sent()), sent(), 'slow_send_peer');
    });

    it('sends to a peer whose kernel was heard: the packet itself is the datagram', () => {
      hearFromKernel();
      const packet = sent({ tos: ECN.capable0, ttl: 1 });
      const outcome = programs.run('udp_send', packet);
      const bytes = packet.length - IP;
      assertRedirected(outcome, PEER, { sent_packets: 1, sent_bytes: bytes });
      assertOuter(outcome.packet, packet);
    });

    it('forgets that, once a packet has come with the checksum of a socket', () => {
      hearFromKernel();
      receive(receivedByUdp({ udp: { checksum: 0x1234 } }));
      assertHandedOn(programs.run('udp_send', sent()), sent(), 'slow_send_peer');
    });

    it('learns of one peer nothing about another', () => {
      receive(
        receivedByUdp({ outer: { source: COVERED.publicIp }, inner: { source: '10.5.25.3' } }),
      );
      assertHandedOn(programs.run('udp_send', sent()), sent(), 'slow_send_peer');
    });

    it('has GSO packets that are not TCP cut first', () => {
      hearFromKernel();
      const outcome = programs.run('udp_send', sent(), { gsoSize: 50, gsoSegments: 2 });
      assertHandedOn(outcome, sent(), 'slow_send_gso');
    });

    it('drops what has another host’s source, and what nobody holds', () => {
      assertDropped(programs.run('udp_send', sent({ source: '10.5.20.9' })), 'drop_foreign_source');
      const broadcast = sent({ source: '0.0.0.0', destination: NOBODYS_POD });
      assertDropped(programs.run('udp_send', broadcast), 'drop_no_peer');
    });

    it('lets through what udp_receive wants cut', () => {
      assertHandedOn(programs.run('udp_send', receivedByUdp()), receivedByUdp());
    });
  });

  describe('udp_resend', () => {
    it('sends what has come out of the pair, to whichever peer', () => {
      const packet = sent({ protocol: PROTOCOL.tcp }, tcpPayload());
      const outcome = programs.run('udp_resend', packet);
      assertRedirected(outcome, PEER, { sent_packets: 1, sent_bytes: packet.length - IP });
      assertOuter(outcome.packet, packet);
    });

    it('receives what was cut there', () => {
      const packet = receivedByUdp();
      const outcome = programs.run('udp_resend', packet);
      assertInner(outcome.packet, packet);
    });

    it('drops everything else', () => {
      assertDropped(programs.run('udp_resend', sent({ destination: NOBODYS_POD })), 'drop_no_peer');
      const spoofed = receivedByUdp({ inner: { source: '10.5.25.3' } });
      assertDropped(programs.run('udp_resend', spoofed), 'drop_spoofed_source');
    });
  });

  describe('udp_receive', () => {
    for (const checksum of [0, 0xbeef]) {
      for (const [what, payload] of [
        ['udp', udpPayload()],
        ['tcp', tcpPayload(900)],
        ['nothing', Buffer.alloc(0)],
        ['a little', letters(9)],
      ] as const) {
        it(`decapsulates ${what}, outer checksum ${checksum}`, () => {
          const protocol = what === 'tcp' ? PROTOCOL.tcp : PROTOCOL.udp;
          const packet = receivedByUdp({ udp: { checksum }, inner: { protocol }, payload });
          const outcome = receive(packet);
          const bytes = packet.length - IP - OVERHEAD;
          assertRedirected(outcome, PEER, { received_packets: 1, received_bytes: bytes });
          assertInner(outcome.packet, packet);
        });
      }
    }

    for (const [outer, inner, becomes] of [
      [ECN.congested, ECN.capable0, ECN.congested],
      [ECN.congested, ECN.capable1, ECN.congested],
      [ECN.capable1, ECN.capable0, ECN.capable1],
      [ECN.capable0, ECN.capable1, ECN.capable1],
      [ECN.congested, ECN.congested, ECN.congested],
      [ECN.notCapable, ECN.capable0, ECN.capable0],
    ] as const) {
      it(`makes of the marks ${outer} outside and ${inner} inside ${becomes} (RFC 6040)`, () => {
        for (const dscp of [0, 0xb8, 0xfc]) {
          const { packet } = receive(
            receivedByUdp({ outer: { tos: outer }, inner: { tos: dscp | inner } }),
          );
          assert.equal(packet[IP + 1], dscp | becomes);
          assert(hasValidChecksum(packet.subarray(IP, IP + LENGTH.ipv4)), 'checksum');
        }
      });
    }

    it('drops what is not to be let in', () => {
      const ways = {
        drop_unknown_peer: { outer: { source: '203.0.113.9' } },
        drop_spoofed_source: { inner: { source: '10.5.25.3' } },
        drop_martian: { inner: { destination: '127.0.0.1' } },
        drop_congestion: { outer: { tos: ECN.congested } },
        drop_checksum: { outer: { checksum: 1 } },
        drop_not_ipv4: { inner: { version: 6 } },
        drop_length: { inner: { totalLength: 200 } },
      } as const;
      for (const [counter, changes] of Object.entries(ways))
        assertDropped(receive(receivedByUdp(changes)), counter as keyof typeof ways);
    });

    it('leaves to the host what is not for our port or address', () => {
      for (const changes of [
        { udp: { destination: 8286 } },
        { outer: { destination: '192.0.2.250' } },
        { outer: { protocol: PROTOCOL.tcp } },
      ]) {
        const packet = receivedByUdp(changes);
        assertHandedOn(receive(packet), packet);
      }
    });

    it('has merged datagrams cut by the pair', () => {
      const packet = receivedByUdp();
      const outcome = programs.run('udp_receive', packet, { gsoSize: 20, gsoSegments: 5 });
      const { verdict, counters } = outcome.effects;
      assert.deepEqual([verdict, counters], ['redirected', { slow_receive_gso: 1 }]);
      assert.deepEqual(outcome.packet, packet);
    });
  });
});

/** Outer headers of RFC 768 over RFC 791, DF clear, and behind them the packet as it was. */
function assertOuter(packet: Buffer, inner: Buffer): void {
  assert.deepEqual(packet.subarray(IP + OVERHEAD), inner.subarray(IP));
  const outer = packet.subarray(IP, IP + OVERHEAD);
  assert(hasValidChecksum(outer.subarray(0, LENGTH.ipv4)), 'checksum');
  assert.equal(outer[0], 0x45);
  assert.equal(outer[1], (inner[IP + 1] ?? 0) & 3);
  assert.equal(outer.readUInt16BE(2), packet.length - IP);
  assert.equal(outer.readUInt16BE(6), 0);
  assert.deepEqual([outer[8], outer[9]], [64, PROTOCOL.udp]);
  assert.equal(outer.readUInt16BE(22), UDP.port);
  assert.equal(outer.readUInt16BE(24), packet.length - IP - LENGTH.ipv4);
  assert.equal(outer.readUInt16BE(26), 0);
}
