/** FastPath, into a pod: what comes for an endpoint, and when it goes through the host's stack all the same. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { CounterName } from '../../src/bpf/counters.ts';
import { parseMac } from '../../src/net/mac.ts';
import { assertDropped, assertHandedOn, assertRedirected } from './expect.ts';
import { assertGolden } from './golden.ts';
import { changeEndpoint, readEndpoint } from './memory.ts';
import { ECN, hasValidChecksum, icmp, LENGTH, letters, PROTOCOL } from './packets.ts';
import { loadPrograms, missing, type Outcome, type Programs } from './programs.ts';
import {
  type Changes,
  ENDPOINT,
  ENDPOINTS,
  fromPod,
  GATEWAY_MAC,
  PEER,
  POD_MAC,
  received,
  SETTINGS,
  SILENT,
  tcpPayload,
} from './scene.ts';

const FAST = { ...SETTINGS, fastPath: true };
/** Of no interface. */
const GONE_INDEX = 0x7fff_0000;
const POD_MACS = Buffer.from([...parseMac(POD_MAC), ...parseMac(GATEWAY_MAC)]);

describe('vxlan_receive with FastPath', { skip: missing() }, () => {
  let programs: Programs;
  const receive = (packet: Buffer) => programs.run('vxlan_receive', packet);
  const load = (settings: typeof FAST) => {
    programs = loadPrograms({ settings, endpoints: ENDPOINTS });
    programs.run('endpoint_send', fromPod());
  };
  beforeEach(() => load(FAST));
  afterEach(() => programs[Symbol.dispose]());

  function assertDelivered(outcome: Outcome, packet: Buffer): void {
    const bytes = packet.length - LENGTH.overhead - 14;
    assertRedirected(outcome, PEER, { received_packets: 1, received_bytes: bytes });
    const expected = Buffer.from(packet.subarray(LENGTH.overhead));
    POD_MACS.copy(expected);
    expected.writeUInt8((expected[22] ?? 0) - 1, 22);
    assert(hasValidChecksum(outcome.packet.subarray(14, 34)), 'checksum');
    outcome.packet.copy(expected, 24, 24, 26);
    assert.deepEqual(outcome.packet, expected);
  }

  /** Through the host's stack: as if there were no FastPath. */
  function assertGivenToHost(outcome: Outcome, packet: Buffer, counter?: CounterName): void {
    assert.deepEqual(outcome.effects, {
      verdict: 'redirected',
      counters: counter ? { [counter]: 1 } : {},
      traffic: {
        [PEER.subnet]: {
          received_packets: 1,
          received_bytes: packet.length - LENGTH.overhead - 14,
        },
      },
    });
    assert.deepEqual(outcome.packet, packet.subarray(LENGTH.overhead));
  }

  const delivered: Record<string, Changes> = {
    udp: {},
    tcp: { inner: { protocol: PROTOCOL.tcp, tos: 0xba }, payload: tcpPayload() },
    icmp: { inner: { protocol: PROTOCOL.icmp }, payload: icmp({ type: 0 }, letters(56)) },
    'an inner fragment': { inner: { fragmentOffset: 1480, moreFragments: true } },
    'ttl 2': { inner: { ttl: 2 } },
  };
  for (const [name, changes] of Object.entries(delivered)) {
    it(`delivers ${name} to the pod, and is a hop`, () => {
      const packet = received(changes);
      const outcome = receive(packet);
      assertDelivered(outcome, packet);
      assertGolden(`deliver_${name.replaceAll(' ', '_')}`, outcome.packet);
    });
  }

  const toHost: [string, CounterName, Changes][] = [
    ['options', 'host_options', { inner: { options: Buffer.alloc(4, 1) } }],
    ['TTL 1', 'host_ttl', { inner: { ttl: 1 } }],
    ['TTL 0', 'host_ttl', { inner: { ttl: 0 } }],
    ['a source outside the network', 'host_outside', { inner: { source: '203.0.113.7' } }],
    ["a peer's own address", 'host_outside', { inner: { source: PEER.publicIp } }],
    ['a pod of unknown MAC', 'host_unknown_mac', { inner: { destination: SILENT.address } }],
  ];
  for (const [name, counter, changes] of toHost) {
    it(`gives ${name} to the host: ${counter}`, () => {
      const packet = received(changes);
      assertGivenToHost(receive(packet), packet, counter);
    });
  }

  for (const destination of ['10.5.17.9', '10.5.17.1', '10.5.1.2', '192.0.17.2', '203.0.113.80']) {
    it(`gives to the host what is for ${destination}, which is no endpoint`, () => {
      const packet = received({ inner: { destination, ttl: 1 } });
      assertGivenToHost(receive(packet), packet);
    });
  }

  it('gives everything to the host while FastPath is off', () => {
    programs[Symbol.dispose]();
    load(SETTINGS);
    assertGivenToHost(receive(received()), received());
  });

  it('forgets an endpoint whose interface is gone', () => {
    const { address } = ENDPOINT;
    changeEndpoint(programs.maps, address, { index: GONE_INDEX, seen: 0 });
    assertGivenToHost(receive(received()), received(), 'host_endpoint_gone');
    assert.equal(readEndpoint(programs.maps, address).address, 0);
    assertGivenToHost(receive(received()), received());
    assertDropped(programs.run('endpoint_send', fromPod()), 'drop_endpoint_source');
  });

  it('looks whether the interface is there, however long ago it did', () => {
    for (let part = 0; part < 4; part += 1) {
      programs[Symbol.dispose]();
      load(FAST);
      const seen = part * 2 ** 30;
      changeEndpoint(programs.maps, ENDPOINT.address, { index: GONE_INDEX, seen });
      assertGivenToHost(receive(received()), received(), 'host_endpoint_gone');
    }
  });

  it('leaves to the kernel what only the kernel can do', () => {
    const marked = received({ outer: { tos: ECN.congested }, inner: { tos: ECN.capable0 } });
    assertHandedOn(receive(marked), marked, 'slow_receive_congestion');
    const gso = { gsoSegments: 5, gsoSize: 100 };
    const outcome = programs.run('vxlan_receive', received(), gso);
    assertHandedOn(outcome, received(), 'slow_receive_gso');
  });

  it('believes no more than without', () => {
    for (const source of ['10.5.25.1', ENDPOINT.address, SILENT.address, '10.5.30.1'])
      assertDropped(receive(received({ inner: { source } })), 'drop_spoofed_source');
    assertDropped(receive(received({ outer: { source: '203.0.113.9' } })), 'drop_unknown_peer');
    assertDropped(receive(received({ inner: { source: '127.0.0.1' } })), 'drop_martian');
  });
});
