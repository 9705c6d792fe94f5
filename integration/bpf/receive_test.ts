import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { STRIDE } from '../../lab/patience.ts';
import { assertDropped, assertHandedOn, assertRedirected } from './expect.ts';
import { assertGolden } from './golden.ts';
import { ECN, ETHERTYPE, icmp, LENGTH, letters, PROTOCOL, withBytes } from './packets.ts';
import { loadPrograms, missing, runProgram, VERDICT } from './programs.ts';
import {
  type Changes,
  COVERED,
  PEER,
  received,
  SETTINGS,
  tcpPayload,
  udpPayload,
} from './scene.ts';

/** The shortest packet in which the UDP port can be read, and the shortest with all headers. */
const PORT_READABLE = 42;
const ALL_HEADERS = 84;

const NO_OPERATIONS = Buffer.from([1, 1, 1, 1]);

describe('vxlan_receive', { skip: missing() }, () => {
  const programs = loadPrograms();
  after(() => programs[Symbol.dispose]());
  const receive = (packet: Buffer) => programs.run('vxlan_receive', packet);

  const delivered: Record<string, Changes> = {
    udp: {},
    tcp: { inner: { protocol: PROTOCOL.tcp }, payload: tcpPayload() },
    icmp: { inner: { protocol: PROTOCOL.icmp }, payload: icmp({ type: 0 }, letters(56)) },
    'inner ip options': { inner: { options: NO_OPERATIONS } },
    'an inner fragment': { inner: { fragmentOffset: 1480, moreFragments: true } },
    'no payload': { inner: { protocol: 253 }, payload: Buffer.alloc(0) },
    "another sender's frame": { innerEthernet: { source: '02:12:34:56:78:9a' } },
    'outer df, ttl and dscp': { outer: { dontFragment: true, ttl: 1, tos: 0xb8 } },
    'a source outside the network': { inner: { source: '192.0.2.77' } },
    'the first address of the subnet': { inner: { source: '10.5.20.0' } },
    'the last address of the subnet': { inner: { source: '10.5.20.255' } },
  };
  for (const [name, changes] of Object.entries(delivered)) {
    it(`decapsulates ${name}`, () => {
      const packet = received(changes);
      const outcome = receive(packet);
      const length = packet.length - LENGTH.overhead;
      assertRedirected(outcome, PEER, { received_packets: 1, received_bytes: length - 14 });
      assertGolden(`receive_${name.replaceAll(/[^a-z]+/g, '_')}`, outcome.packet);
      assert.deepEqual(outcome.packet, packet.subarray(LENGTH.overhead), 'what was inside');
    });
  }

  it('counts a source outside the network for the peer that sent it', () => {
    const packet = received({
      outer: { source: COVERED.publicIp },
      inner: { source: '192.0.2.7' },
    });
    const { effects } = receive(packet);
    assert.deepEqual(Object.keys(effects.traffic), [COVERED.subnet]);
  });

  it('counts the bytes of the inner packet, not what is behind it', () => {
    const outcome = receive(Buffer.concat([received(), Buffer.alloc(10, 0xee)]));
    assertRedirected(outcome, PEER, { received_packets: 1, received_bytes: 92 });
  });

  for (const [inner, innerEcn] of Object.entries(ECN)) {
    for (const [outer, outerEcn] of Object.entries(ECN)) {
      const isMarked = outerEcn === ECN.congested && innerEcn !== ECN.congested;
      const isDropped = isMarked && innerEcn === ECN.notCapable;
      const isSlow = isMarked || (outerEcn === ECN.capable1 && innerEcn === ECN.capable0);
      const verdict = isDropped ? 'drops' : isSlow ? 'leaves to the kernel' : 'decapsulates';
      it(`${verdict} ECN ${inner} in ${outer}`, () => {
        const packet = received({ inner: { tos: innerEcn }, outer: { tos: 0x28 | outerEcn } });
        const outcome = receive(packet);
        if (isDropped) return assertDropped(outcome, 'drop_congestion');
        if (isSlow) return assertHandedOn(outcome, packet, 'slow_receive_congestion');
        assert.equal(outcome.effects.verdict, 'redirected');
        assert.deepEqual(outcome.packet, packet.subarray(LENGTH.overhead));
      });
    }
  }

  const handedOn: Record<string, Buffer> = {
    ARP: received({ outerEthernet: { type: ETHERTYPE.arp } }),
    IPv6: received({ outerEthernet: { type: ETHERTYPE.ipv6 } }),
    'a VLAN tag': received({ outerEthernet: { type: ETHERTYPE.vlan } }),
    'another protocol': received({ outer: { protocol: PROTOCOL.tcp } }),
    'another UDP port': received({ udp: { destination: 4789 } }),
    'our port as source': received({ udp: { source: 8472, destination: 53 } }),
    'another destination': received({ outer: { destination: '192.0.2.18' } }),
    'the broadcast address': received({ outer: { destination: '255.255.255.255' } }),
    'a first fragment': received({ outer: { moreFragments: true } }),
    'a middle fragment': received({ outer: { moreFragments: true, fragmentOffset: 1480 } }),
    'a last fragment': received({ outer: { fragmentOffset: 8 } }),
    'the farthest fragment': received({ outer: { fragmentOffset: 0x1fff * 8 } }),
    'outer IP options': received({ outer: { options: NO_OPERATIONS } }),
    'IP version 6 under IPv4': received({ outer: { version: 6 } }),
    'a header of 4 words': received({ outer: { headerWords: 4 } }),
  };
  for (const [name, packet] of Object.entries(handedOn)) {
    it(`leaves ${name} to the host`, () => assertHandedOn(receive(packet), packet));
  }

  const others: Record<string, Buffer> = {
    'another VNI': received({ vxlan: { vni: SETTINGS.vni + 1 } }),
    'another VNI, cut short': received({ vxlan: { vni: SETTINGS.vni + 1 } }).subarray(0, 60),
    'another VNI, first octet': received({ vxlan: { vni: SETTINGS.vni ^ 0x800000 } }),
    'no VNI flag': received({ vxlan: { flags: 0 } }),
    'a group policy': received({ vxlan: { flags: 0x8800_0001 } }),
    'a reserved flag': received({ vxlan: { flags: 0x0800_0100 } }),
    'a reserved octet': received({ vxlan: { reserved: 1 } }),
  };
  for (const [name, packet] of Object.entries(others)) {
    it(`leaves ${name} to the host, and counts it`, () =>
      assertHandedOn(receive(packet), packet, 'other_vni'));
  }

  it('takes no notice of the reserved bit beside DF', () => {
    const packet = received();
    packet.writeUInt16BE(0x8000, 20);
    assertDropped(receive(packet), 'drop_checksum');
  });

  const dropped = {
    drop_not_ipv4: {
      'inner ARP': received({ innerEthernet: { type: ETHERTYPE.arp } }),
      'inner IPv6': received({ innerEthernet: { type: ETHERTYPE.ipv6 } }),
      'IP version 6 under IPv4': received({ inner: { version: 6 } }),
      'IP version 0 under IPv4': received({ inner: { version: 0 } }),
      'an inner header of 4 words': received({ inner: { headerWords: 4 } }),
    },
    drop_wrong_mac: {
      'another MAC, last octet': received({ innerEthernet: { destination: '02:d0:00:00:00:18' } }),
      'another MAC, first octet': received({ innerEthernet: { destination: '00:d0:00:00:00:17' } }),
      broadcast: received({ innerEthernet: { destination: 'ff:ff:ff:ff:ff:ff' } }),
    },
    drop_checksum: {
      'a checksum that is off by one': withBytes(received(), 25, [(received()[25] ?? 0) ^ 1]),
      'no checksum': received({ outer: { checksum: 0 } }),
      'a changed TTL': withBytes(received(), 22, [63]),
    },
    drop_length: {
      'an outer length beyond the packet': received({ outer: { totalLength: 143 } }),
      'a UDP length beyond the IP packet': received({ udp: { length: 123 } }),
      'an inner length beyond the datagram': received({ inner: { totalLength: 93 } }),
      'an inner length of 0xffff': received({ inner: { totalLength: 0xffff } }),
      'a UDP length of 0': received({ udp: { length: 0 } }),
      'an outer length of 0': received({ outer: { totalLength: 0 } }),
      'an inner length below its header': received({ inner: { totalLength: 19 } }),
      'an inner length below its options': received({
        inner: { totalLength: 23, options: NO_OPERATIONS },
      }),
    },
    drop_unknown_peer: {
      'a stranger': received({ outer: { source: '203.0.113.9' } }),
      'a stranger with a source outside the network': received({
        outer: { source: '203.0.113.9' },
        inner: { source: '192.0.2.7' },
      }),
      'a stranger with a source that nobody holds': received({
        outer: { source: '203.0.113.9' },
        inner: { source: '10.5.30.1' },
      }),
    },
    drop_spoofed_source: {
      "another peer's address": received({ inner: { source: '10.5.25.1' } }),
      'our own address': received({ inner: { source: '10.5.17.2' } }),
      'an address that nobody holds': received({ inner: { source: '10.5.30.1' } }),
      'the first address of the network': received({ inner: { source: '10.5.0.0' } }),
      'the last address of the network': received({ inner: { source: '10.5.255.255' } }),
      'the address before the subnet': received({ inner: { source: '10.5.19.255' } }),
      'the address behind the subnet': received({ inner: { source: '10.5.21.0' } }),
    },
  } as const;
  for (const [counter, packets] of Object.entries(dropped)) {
    for (const [name, packet] of Object.entries(packets)) {
      it(`drops ${name}: ${counter}`, () => {
        assertDropped(receive(packet), counter as keyof typeof dropped);
      });
    }
  }

  it('takes lengths that leave bytes over at the end', () => {
    const packet = received({ inner: { totalLength: 91 } });
    assert.equal(receive(packet).effects.verdict, 'redirected');
    assert.equal(receive(received({ inner: { totalLength: 20 } })).effects.verdict, 'redirected');
  });

  it('takes no packet that was cut, at whatever length', () => {
    const whole = received();
    for (let length = 34; length < whole.length; length += 1) {
      const packet = whole.subarray(0, length);
      const outcome = receive(Buffer.from(packet));
      if (length < PORT_READABLE) assertHandedOn(outcome, packet);
      else assertDropped(outcome, length < ALL_HEADERS ? 'drop_truncated' : 'drop_length');
    }
  });

  it('finds every right checksum right', () => {
    for (let id = 0; id <= 0xffff; id += STRIDE) {
      const out = runProgram(programs.programFd('vxlan_receive'), received({ outer: { id } }));
      assert.equal(out.verdict, VERDICT.redirected, `id ${id}`);
    }
  });

  it('takes whole packets of every length', () => {
    for (let length = 0; length < 1400; length += STRIDE) {
      const packet = received({ payload: letters(length) });
      const out = runProgram(programs.programFd('vxlan_receive'), packet);
      assert.equal(out.verdict, VERDICT.redirected, `${length} bytes`);
      assert.deepEqual(out.packet, packet.subarray(LENGTH.overhead));
    }
  });

  it('leaves everything to the host while the tunnel is closed', () => {
    using closed = loadPrograms({ settings: null });
    for (const packet of [received(), received({ payload: udpPayload(0) })])
      assertHandedOn(closed.run('vxlan_receive', packet), packet);
  });
});
