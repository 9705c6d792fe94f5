/** The host of scene.ts as a member of a udp network. */
import assert from 'node:assert/strict';
import type { Settings } from '../../src/plan/dataplane.ts';
import { ethernet, ipv4, LENGTH, PROTOCOL, udp } from './packets.ts';
import { type Changes, OWN_POD, PEER, PEER_POD, SETTINGS, udpPayload } from './scene.ts';

export const OVERHEAD = 28;

/** udp's settings: its device is one end of a pair. */
export const UDP = {
  ...SETTINGS,
  ...{ vni: 0, port: 8285, device: 'flannel0', far: 'flannel0.far', mtu: 1472 },
} as const satisfies Settings;

/** As udp has it: the inner packet itself is the datagram, and its sender's kernel left the checksum out. */
export function receivedByUdp(changes: Omit<Changes, 'vxlan' | 'innerEthernet'> = {}): Buffer {
  const inner = ipv4(
    {
      source: PEER_POD,
      destination: OWN_POD,
      protocol: PROTOCOL.udp,
      id: 0x4321,
      ...changes.inner,
    },
    changes.payload ?? udpPayload(),
  );
  const fields = { source: 51234, destination: UDP.port, ...changes.udp };
  const outer = ipv4(
    {
      source: PEER.publicIp,
      destination: UDP.underlayAddress,
      protocol: PROTOCOL.udp,
      id: 0xbeef,
      ...changes.outer,
    },
    udp(fields, inner),
  );
  return ethernet(
    { destination: '02:ee:00:00:00:17', source: '02:ee:00:00:00:01', ...changes.outerEthernet },
    outer,
  );
}

/** What was inside of a received packet, for the pair. */
export function assertInner(packet: Buffer, received: Buffer): void {
  assert.deepEqual(packet.subarray(LENGTH.ethernet), received.subarray(LENGTH.ethernet + OVERHEAD));
  assert.equal(packet.toString('hex', 0, 6), UDP.deviceMac.replaceAll(':', ''));
}
