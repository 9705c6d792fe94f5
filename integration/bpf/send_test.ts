import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { fewer } from '../../lab/patience.ts';
import { slotOf } from '../../src/bpf/peer_maps.ts';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import { assertDropped, assertRedirected } from './expect.ts';
import { assertGolden } from './golden.ts';
import { changeTraffic } from './memory.ts';
import { ECN, ETHERTYPE, hasValidChecksum, icmp, LENGTH, letters, PROTOCOL } from './packets.ts';
import { loadPrograms, missing, runProgram } from './programs.ts';
import { FIRST, LAST, NOBODYS_POD, PEER, SETTINGS, sent, tcpPayload, udpPayload } from './scene.ts';

/** What of the outer headers is not the same each time. */
const ID = { offset: 18, length: 2 };
const CHECKSUM = { offset: 24, length: 2 };
const SOURCE_PORT = { offset: 34, length: 2 };
const VARYING = [ID, CHECKSUM, SOURCE_PORT];

const NOT_IPV4 = { arp: 0x0806, vlan: 0x8100, ipv6: 0x86dd, lldp: 0x88cc, llc: 46 };

const outerHeader = (packet: Buffer) => packet.subarray(14, 34);
const sourcePort = (packet: Buffer) => packet.readUInt16BE(SOURCE_PORT.offset);

describe('vxlan_send', { skip: missing() }, () => {
  const programs = loadPrograms();
  after(() => programs[Symbol.dispose]());
  const send = (packet: Buffer) => programs.run('vxlan_send', packet);
  const sendQuietly = (packet: Buffer) =>
    runProgram(programs.programFd('vxlan_send'), packet).packet;

  const encapsulated: Record<string, Buffer> = {
    udp: sent(),
    tcp: sent({ protocol: PROTOCOL.tcp, dontFragment: true }, tcpPayload()),
    'icmp echo': sent({ protocol: PROTOCOL.icmp }, icmp({ type: 8 }, letters(56))),
    'an empty packet': sent({ protocol: 253 }, Buffer.alloc(0)),
    'a first fragment': sent({ moreFragments: true }),
    'a later fragment': sent({ fragmentOffset: 1480 }),
    'ip options': sent({ options: Buffer.from([1, 1, 1, 1]) }),
    'ttl 1': sent({ ttl: 1 }),
  };
  for (const [name, packet] of Object.entries(encapsulated)) {
    it(`encapsulates ${name}`, () => {
      const outcome = send(packet);
      assertRedirected(outcome, PEER, { sent_packets: 1, sent_bytes: packet.length - 14 });
      assertGolden(`send_${name.replaceAll(' ', '_')}`, outcome.packet, VARYING);
      assert(hasValidChecksum(outerHeader(outcome.packet)), 'outer IP header checksum');
    });
  }

  it('does not touch the packet inside', () => {
    const packet = sent({}, udpPayload(1400));
    const out = send(packet).packet;
    assert.equal(out.length, packet.length + LENGTH.overhead);
    assert.deepEqual(out.subarray(14 + LENGTH.overhead), packet.subarray(14));
  });

  for (const [name, ecn] of Object.entries(ECN)) {
    it(`copies ECN ${name} and not DSCP`, () => {
      const { packet } = send(sent({ tos: 0xb8 | ecn }));
      assert.equal(packet[15], ecn);
      assert.equal(packet[14 + LENGTH.overhead + 1], 0xb8 | ecn);
      assert(hasValidChecksum(outerHeader(packet)), 'outer IP header checksum');
    });
  }

  it('takes source ports out of the default range of local ports, the same one for a flow', () => {
    const ports = Array.from({ length: 20_000 }, (_, at) => {
      const packet = sent({}, udpPayload(8, 1024 + at));
      const port = sourcePort(sendQuietly(packet));
      assert.equal(sourcePort(sendQuietly(packet)), port, 'the same flow');
      assert(port >= 32768 && port <= 60999, `port ${port}`);
      return port;
    });
    assert(new Set(ports).size > 13_000, 'flows share a port only by chance');
    assert(Math.min(...ports) < 32768 + 100, 'the first ports are used');
    assert(Math.max(...ports) > 60999 - 100, 'the last ports are used');
  });

  it('counts in the id, and computes a right checksum for each', () => {
    const packets = Array.from({ length: fewer(2000) }, () => sendQuietly(sent()));
    for (const packet of packets)
      assert(hasValidChecksum(outerHeader(packet)), packet.toString('hex'));
    const ids = new Set(packets.map((packet) => packet.readUInt16BE(ID.offset)));
    assert.equal(ids.size, packets.length);
  });

  it('folds the sum of a header with large numbers twice where it takes that', () => {
    // About one id in fifteen thousand needs it, with addresses like these.
    using large = loadPrograms({
      settings: { ...SETTINGS, underlayAddress: '255.255.254.254' },
      peers: [{ ...PEER, publicIp: '255.255.255.254' }],
    });
    const [fd, packet] = [large.programFd('vxlan_send'), sent()];
    for (let run = 0; run < fewer(150_000); run += 1) {
      const header = outerHeader(runProgram(fd, packet).packet);
      if (!hasValidChecksum(header)) assert.fail(header.toString('hex'));
    }
  });

  it('does not follow a way that it was told long ago, however long', () => {
    const stale = { path_address: parseIpv4(PEER.publicIp), path_destination: '02:99:00:00:00:99' };
    const slot = slotOf(programs.maps, PEER.subnet) ?? assert.fail();
    for (let part = 0; part < 4; part += 1) {
      changeTraffic(programs.maps, slot, { ...stale, path_until: part * 2 ** 30 });
      assert.deepEqual(sendQuietly(sent()).subarray(0, 12), sent().subarray(0, 12));
    }
  });

  for (const [where, peer, destination] of [
    ['the first subnet', FIRST, '10.5.16.0'],
    ['the last subnet', LAST, '10.5.31.255'],
  ] as const) {
    it(`finds the peer of ${where}`, () => {
      const { effects, packet } = send(sent({ destination }));
      assert.equal(effects.verdict, 'redirected');
      assert.deepEqual(Object.keys(effects.traffic), [peer.subnet]);
      assert.equal(packet.subarray(30, 34).join('.'), peer.publicIp);
    });
  }

  for (const source of ['192.0.2.17', '10.4.255.255', '10.6.0.0', '10.5.17.0', '10.5.17.255']) {
    it(`sends what has the host's own address ${source}`, () => {
      assert.equal(send(sent({ source })).effects.verdict, 'redirected');
    });
  }

  for (const source of ['10.5.0.0', '10.5.16.255', '10.5.18.0', '10.5.255.255']) {
    it(`drops what has another host's address ${source}`, () => {
      assertDropped(send(sent({ source })), 'drop_foreign_source');
    });
  }

  it('asks for the source first, so that nobody else is told of a missing destination', () => {
    const packet = sent({ source: '10.5.20.1', destination: NOBODYS_POD });
    assertDropped(send(packet), 'drop_foreign_source');
  });

  for (const [name, type] of Object.entries(NOT_IPV4)) {
    it(`drops what is not IPv4: ${name}`, () => {
      assertDropped(send(sent({ type })), 'drop_not_ipv4');
    });
  }

  it('drops everything while the tunnel is closed', () => {
    using closed = loadPrograms({ settings: null });
    assertDropped(closed.run('vxlan_send', sent()), 'drop_closed');
    assertDropped(closed.run('vxlan_send', sent({ type: ETHERTYPE.arp })), 'drop_closed');
  });

  it('sends where the settings say', () => {
    using other = loadPrograms({
      settings: { ...SETTINGS, vni: 0xffffff, port: 4789, underlayAddress: '203.0.113.254' },
    });
    const outcome = other.run('vxlan_send', sent());
    assertGolden('send_other_settings', outcome.packet, VARYING);
  });
});
