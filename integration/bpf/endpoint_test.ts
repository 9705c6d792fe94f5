/** FastPath, out of a pod: what an endpoint may send, and what of it goes past the host's stack. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { STRIDE } from '../../lab/patience.ts';
import type { CounterName } from '../../src/bpf/counters.ts';
import { assertDropped, assertHandedOn, assertRedirected } from './expect.ts';
import { assertGolden } from './golden.ts';
import { hasValidChecksum, headerChecksum, icmp, LENGTH, letters, PROTOCOL } from './packets.ts';
import { loadPrograms, missing, VERDICT } from './programs.ts';
import { makeQuickRunner } from './quick_run.ts';
import { ENDPOINT, ENDPOINTS, fromPod, PEER, SETTINGS, tcpPayload, udpPayload } from './scene.ts';
import { loadStage } from './stage.ts';

const FAST = { ...SETTINGS, fastPath: true };
const VARYING = [
  { offset: 18, length: 2 },
  { offset: 24, length: 2 },
];
const INNER = 14 + LENGTH.overhead;

const innerHeader = (packet: Buffer) => packet.subarray(INNER, INNER + LENGTH.ipv4);

describe('endpoint_send with FastPath', { skip: missing('clang') }, () => {
  const programs = loadPrograms({ settings: FAST, endpoints: ENDPOINTS });
  const stage = loadStage(programs);
  after(() => {
    stage[Symbol.dispose]();
    programs[Symbol.dispose]();
  });
  const send = (packet: Buffer) => programs.run('endpoint_send', packet);

  const encapsulated: Record<string, Buffer> = {
    udp: fromPod(),
    tcp: fromPod({ protocol: PROTOCOL.tcp, dontFragment: true, tos: 0xba }, tcpPayload()),
    'icmp echo': fromPod({ protocol: PROTOCOL.icmp }, icmp({ type: 8 }, letters(56))),
    'an empty packet': fromPod({ protocol: 253 }, Buffer.alloc(0)),
    'a first fragment': fromPod({ moreFragments: true }),
    'a later fragment': fromPod({ fragmentOffset: 1480 }),
    'ttl 2': fromPod({ ttl: 2 }),
  };
  for (const [name, packet] of Object.entries(encapsulated)) {
    it(`encapsulates ${name}, and is a hop`, () => {
      const outcome = send(packet);
      assertRedirected(outcome, PEER, { sent_packets: 1, sent_bytes: packet.length - 14 });
      assertGolden(`endpoint_${name.replaceAll(' ', '_')}`, outcome.packet, VARYING);
      const { packet: out } = outcome;
      assert(hasValidChecksum(out.subarray(14, 34)), 'outer header checksum');
      assert(hasValidChecksum(innerHeader(out)), 'inner header checksum');
      const expected = Buffer.from(packet.subarray(14));
      expected.writeUInt8((packet[22] ?? 0) - 1, 8);
      out.subarray(INNER + 10, INNER + 12).copy(expected, 10);
      assert.deepEqual(out.subarray(INNER), expected, 'the rest of the inner packet');
    });
  }

  it('keeps every checksum right when it decrements the TTL', () => {
    const runner = makeQuickRunner(programs.programFd('endpoint_send'));
    for (let round = 0; round < 0x10000; round += STRIDE) {
      const packet = fromPod({ id: round, ttl: 2 + (round % 254) }, Buffer.alloc(0));
      packet.copy(runner.input);
      assert.equal(runner.run(packet.length), VERDICT.redirected);
      const header = innerHeader(runner.output);
      const checksum = header.readUInt16BE(10);
      header.writeUInt16BE(0, 10);
      // Also right as a number: 0 and 0xffff both sum up, but only one of them is what comes of a sum.
      if (headerChecksum(header, 0) !== checksum)
        assert.fail(`${checksum} ${header.toString('hex')}`);
    }
  });

  const toOthers: Record<string, string> = {
    'another pod of this host': '10.5.17.9',
    'the host itself': SETTINGS.underlayAddress,
    'a subnet that nobody holds': '10.5.30.9',
    'outside the network': '203.0.113.80',
    broadcast: '255.255.255.255',
    multicast: '224.0.0.251',
  };
  for (const [name, destination] of Object.entries(toOthers)) {
    it(`leaves what is for ${name} to the host: it is no reason to count`, () => {
      const packet = fromPod({ destination, ttl: 1 });
      assertHandedOn(send(packet), packet);
    });
  }

  const MTU_PAYLOAD = SETTINGS.mtu - 28;
  const toHost: [string, CounterName, Buffer, { gsoSize: number; gsoSegments: number }?][] = [
    ['IP options', 'host_options', fromPod({ options: Buffer.alloc(4, 1) })],
    ['a header of 4 words', 'host_options', fromPod({ headerWords: 4 })],
    ['IP version 6 under IPv4', 'host_options', fromPod({ version: 6 })],
    ['TTL 1', 'host_ttl', fromPod({ ttl: 1 })],
    ['TTL 0', 'host_ttl', fromPod({ ttl: 0 })],
    ['a byte over the MTU', 'host_size', fromPod({}, udpPayload(MTU_PAYLOAD + 1))],
    ['UDP segments a byte over', 'host_size', fromPod(), { gsoSize: 1423, gsoSegments: 2 }],
    // It fits, and then no room can be made for a GSO type that the kernel does not know.
    ['UDP segments of the MTU', 'host_room', fromPod(), { gsoSize: 1422, gsoSegments: 2 }],
  ];
  for (const [name, counter, packet, gso] of toHost) {
    it(`leaves ${name} to the host: ${counter}`, () => {
      assertHandedOn(programs.run('endpoint_send', packet, gso), packet, counter);
    });
  }

  it('takes a packet of exactly the MTU', () => {
    assert.equal(send(fromPod({}, udpPayload(MTU_PAYLOAD))).effects.verdict, 'redirected');
  });

  for (const [words, headers] of [
    [5, 40],
    [8, 52],
    [15, 80],
  ] as const) {
    it(`measures the segments of TCP with a header of ${words} words`, () => {
      const packet = fromPod({ protocol: PROTOCOL.tcp }, tcpPayload(500));
      packet[46] = words << 4;
      const gsoSize = SETTINGS.mtu - headers;
      const run = (size: number) =>
        programs.run('endpoint_send', packet, { gsoSize: size, gsoSegments: 2 });
      assertHandedOn(run(gsoSize), packet, 'host_room');
      assertHandedOn(run(gsoSize + 1), packet, 'host_size');
    });
  }

  it('leaves segments of TCP without a TCP header to the host', () => {
    const packet = fromPod({ protocol: PROTOCOL.tcp }, letters(19));
    const gso = { gsoSize: 10, gsoSegments: 2 };
    assertHandedOn(programs.run('endpoint_send', packet, gso), packet, 'host_size');
  });

  it('leaves what has been encapsulated before to the host, which has room', () => {
    const { effects } = stage.run('endpoint_send', fromPod(), { isEncapsulated: true });
    assert.deepEqual([effects.verdict, effects.counters], ['handedOn', { host_room: 1 }]);
    assert.deepEqual(effects.traffic, {});
  });

  it('leaves what has a VLAN tag to the host: the underlay would send it with that tag', () => {
    assertHandedOn(stage.run('endpoint_send', fromPod(), { vlan: 7 }), fromPod());
    const spoofed = fromPod({ source: '10.5.17.9' });
    assertDropped(stage.run('endpoint_send', spoofed, { vlan: 7 }), 'drop_endpoint_source');
  });

  it('drops what is cut short', () => {
    for (let length = 14; length < 34; length += 1)
      assertDropped(stage.run('endpoint_send', fromPod(), { length }), 'drop_truncated');
    for (let length = 34; length < 60; length += 1)
      assert.equal(stage.run('endpoint_send', fromPod(), { length }).effects.verdict, 'redirected');
  });

  it('says where it is from as vxlan_send does', () => {
    const ways = [programs.run('vxlan_send', fromPod()), send(fromPod())];
    const [theirs, ours] = ways.map(({ packet }) => packet.subarray(0, INNER));
    assert(theirs && ours);
    for (const { offset, length } of VARYING) theirs.copy(ours, offset, offset, offset + length);
    assert.deepEqual(ours, theirs);
  });
});

describe('endpoint_send without FastPath', { skip: missing() }, () => {
  it('checks the source all the same, and carries nothing', () => {
    using programs = loadPrograms({ endpoints: [ENDPOINT] });
    assertHandedOn(programs.run('endpoint_send', fromPod()), fromPod());
    const spoofed = fromPod({ source: '10.5.17.9' });
    assertDropped(programs.run('endpoint_send', spoofed), 'drop_endpoint_source');
  });
});
