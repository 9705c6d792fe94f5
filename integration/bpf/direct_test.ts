/** FastPath without a tunnel: host-gw's programs, and vxlan's to and from direct peers. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { CounterName } from '../../src/bpf/counters.ts';
import { parseMac } from '../../src/net/mac.ts';
import { assertHandedOn, assertRedirected } from './expect.ts';
import { changeEndpoint } from './memory.ts';
import { hasValidChecksum, icmp, letters, PROTOCOL } from './packets.ts';
import { loadPrograms, missing, type Programs } from './programs.ts';
import {
  ENDPOINT,
  ENDPOINTS,
  FIRST,
  fromPod,
  GATEWAY_MAC,
  HOST_GW,
  type PacketChanges,
  PEER,
  POD_MAC,
  plain,
  SETTINGS,
  SILENT,
  tcpPayload,
  udpPayload,
  VANISHED,
} from './scene.ts';

const POD_MACS = Buffer.from([...parseMac(POD_MAC), ...parseMac(GATEWAY_MAC)]);
const direct = { ...PEER, direct: true } as const;

const OBJECTS = {
  host_gw: { settings: { ...HOST_GW, mtu: SETTINGS.mtu }, receive: 'host_gw_receive' },
  vxlan: { settings: { ...SETTINGS, fastPath: true }, receive: 'vxlan_receive' },
} as const;

/** The packet, one hop on. */
function oneHopOn(packet: Buffer, actual: Buffer, macs?: Buffer): Buffer {
  const expected = Buffer.from(packet);
  macs?.copy(expected);
  expected.writeUInt8((packet[22] ?? 0) - 1, 22);
  actual.copy(expected, 24, 24, 26);
  assert(hasValidChecksum(actual.subarray(14, 34)), 'header checksum');
  return expected;
}

for (const [object, { settings, receive: program }] of Object.entries(OBJECTS) as [
  keyof typeof OBJECTS,
  (typeof OBJECTS)[keyof typeof OBJECTS],
][]) {
  describe(`direct peers of ${object}`, { skip: missing() }, () => {
    let programs: Programs;
    before(() => {
      programs = loadPrograms({ object, settings, peers: [direct, FIRST], endpoints: ENDPOINTS });
      changeEndpoint(programs.maps, ENDPOINT.address, { mac: POD_MAC });
      changeEndpoint(programs.maps, VANISHED.address, { mac: POD_MAC });
    });
    after(() => programs[Symbol.dispose]());
    const receive = (packet: Buffer) => programs.run(program, packet);

    const good: Record<string, [PacketChanges, Buffer?]> = {
      udp: [{}],
      tcp: [{ protocol: PROTOCOL.tcp, tos: 0xba, dontFragment: true }, tcpPayload()],
      ping: [{ protocol: PROTOCOL.icmp }, icmp({ type: 8 }, letters(56))],
      'a fragment': [{ moreFragments: true }],
      'ttl 2': [{ ttl: 2 }],
      'as much as the MTU': [{}, udpPayload(SETTINGS.mtu - 28)],
    };
    for (const [name, [changes, payload]] of Object.entries(good)) {
      it(`${name} goes out as it is, one hop on`, () => {
        const packet = fromPod(changes, payload);
        const outcome = programs.run('endpoint_send', packet);
        assertRedirected(outcome, direct, { sent_packets: 1, sent_bytes: packet.length - 14 });
        assert.deepEqual(outcome.packet, oneHopOn(packet, outcome.packet));
      });

      it(`${name} comes in, into the pod`, () => {
        const packet = plain(changes, payload);
        const outcome = receive(packet);
        const bytes = packet.length - 14;
        assertRedirected(outcome, direct, { received_packets: 1, received_bytes: bytes });
        assert.deepEqual(outcome.packet, oneHopOn(packet, outcome.packet, POD_MACS));
      });
    }

    const toHost: [string, CounterName, Buffer][] = [
      ['IP options', 'host_options', plain({ options: Buffer.alloc(4, 1) })],
      ['TTL 1', 'host_ttl', plain({ ttl: 1 })],
      ['a byte over the MTU', 'host_size', plain({}, udpPayload(SETTINGS.mtu - 27))],
      ['a pod of unknown MAC', 'host_unknown_mac', plain({ destination: SILENT.address })],
      ['a source outside the network', 'host_outside', plain({ source: '203.0.113.7' })],
      ["a peer's own address", 'host_outside', plain({ source: PEER.publicIp })],
      ['a subnet that nobody holds', 'host_outside', plain({ source: '10.5.30.1' })],
      ['our own pods', 'host_outside', plain({ source: '10.5.17.9' })],
      ['a vanished pod', 'host_endpoint_gone', plain({ destination: VANISHED.address })],
    ];
    for (const [name, counter, packet] of toHost) {
      it(`what comes from or for ${name} is the host's: ${counter}`, () => {
        assertHandedOn(receive(packet), packet, counter);
      });
    }

    const foreign = [FIRST.mac, 'ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01'];
    it('frames for another MAC, and what is for no endpoint, are no concern of it', () => {
      for (const mac of foreign) {
        const packet = plain();
        packet.set(parseMac(mac));
        assertHandedOn(receive(packet), packet);
      }
      for (const destination of ['10.5.17.9', '0.0.0.0', SETTINGS.underlayAddress]) {
        const packet = plain({ destination, ttl: 1 });
        assertHandedOn(receive(packet), packet);
      }
    });

    it('a GSO packet counts as its segments, and none may be over the MTU', () => {
      const tcp = plain({ protocol: PROTOCOL.tcp }, tcpPayload());
      for (const [gsoSize, isTooLong] of [
        [1410, false],
        [1411, true],
      ] as const) {
        const outcome = programs.run(program, tcp, { gsoSegments: 5, gsoSize });
        if (isTooLong) assertHandedOn(outcome, tcp, 'host_size');
        else assert.equal(outcome.effects.traffic[PEER.subnet]?.received_packets, 5);
      }
    });
  });
}

describe('a tunnel peer of vxlan', { skip: missing() }, () => {
  it('is not believed without its tunnel, nor sent to without one', () => {
    const { settings } = OBJECTS.vxlan;
    using programs = loadPrograms({ settings, peers: [PEER], endpoints: ENDPOINTS });
    const sent = programs.run('endpoint_send', fromPod());
    assert.equal(sent.packet.length, fromPod().length + 50);
    assertHandedOn(programs.run('vxlan_receive', plain()), plain(), 'host_outside');
  });

  it('a direct peer’s packet that reaches the overlay device goes through the tunnel', () => {
    using programs = loadPrograms({ peers: [direct] });
    const packet = fromPod();
    const outcome = programs.run('vxlan_send', packet);
    assertRedirected(outcome, direct, { sent_packets: 1, sent_bytes: packet.length - 14 });
    assert.equal(outcome.packet.length, packet.length + 50);
  });
});
