/** One host and its peers, as the tests have them, and packets between them. */

import type { DeviceIndexes } from '../../src/bpf/settings.ts';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import { parseMac } from '../../src/net/mac.ts';
import { type Endpoint, NO_MAC, type Peer, type Settings } from '../../src/plan/dataplane.ts';
import {
  ETHERTYPE,
  type EthernetFields,
  ethernet,
  type Ipv4Fields,
  ipv4,
  letters,
  PROTOCOL,
  tcp,
  type UdpFields,
  udp,
  type VxlanFields,
  vxlan,
} from './packets.ts';

/** Sixteen subnets, from SubnetMin to SubnetMax, in the middle of their network. The VNI tells its octets apart. */
export const SETTINGS = {
  network: '10.5.0.0/16',
  ownSubnet: '10.5.17.0/24',
  firstSubnet: '10.5.16.0/24',
  subnetCount: 16,
  vni: 0x0a0b0c,
  port: 8472,
  device: 'flannel.1',
  deviceMac: '02:d0:00:00:00:17',
  far: null,
  underlay: 'eth0',
  underlayAddress: '192.0.2.17',
  mtu: 1450,
  fastPath: false,
  conntrack: false,
  gbp: false,
} as const satisfies Settings;

/** Test runs are on the loopback, so that is the one that endpoints can be on. */
const INDEXES: Readonly<Record<string, number>> = {
  lo: 1,
  eth0: 1001,
  'flannel.1': 1002,
  flannel0: 1003,
  'flannel0.far': 1004,
  vanished: 0x7fff_0000,
};

/** Redirects are not carried out in a test run: there need be no such devices but the loopback. */
export const DEVICES: DeviceIndexes = {
  indexOf: (name) => INDEXES[name],
  nameOf: (index) => Object.keys(INDEXES).find((name) => INDEXES[name] === index),
};

const peer = (subnet: string, publicIp: string, mac: string): Peer => ({ subnet, publicIp, mac });

export const FIRST = peer('10.5.16.0/24', '192.0.2.16', '02:aa:00:00:00:16');
export const PEER = peer('10.5.20.0/24', '198.51.100.20', '02:aa:00:00:00:20');
export const COVERED = peer('10.5.25.0/24', '192.0.2.25', '02:aa:00:00:00:25');
export const LAST = peer('10.5.31.0/24', '192.0.2.31', '02:aa:00:00:00:31');
export const REGULAR: readonly Peer[] = [FIRST, PEER, COVERED, LAST];

/** Covers COVERED and three subnets that nobody else holds. */
export const SHORTER = peer('10.5.24.0/22', '192.0.2.24', '02:bb:00:00:00:22');
/** A quarter of PEER's subnet. */
export const LONGER = peer('10.5.20.64/26', '192.0.2.64', '02:bb:00:00:00:26');
export const BELOW = peer('10.5.4.0/24', '192.0.2.4', '02:bb:00:00:00:04');
export const ABOVE = peer('10.5.200.0/24', '192.0.2.200', '02:bb:00:00:02:00');
export const IRREGULAR: readonly Peer[] = [SHORTER, LONGER, BELOW, ABOVE];

/** The same hosts on the underlay's own layer 2: half of them, or as with host-gw all. */
export const MIXED: readonly Peer[] = [...REGULAR, ...IRREGULAR].map((one, index) =>
  index % 2 === 0 ? one : { ...one, direct: true },
);
export const DIRECT: readonly Peer[] = [...REGULAR, ...IRREGULAR].map((one) => ({
  ...one,
  mac: NO_MAC,
  direct: true,
}));

/** host-gw's settings: without a device of its own. */
export const HOST_GW = {
  ...SETTINGS,
  ...{ vni: 0, port: 0, device: null, deviceMac: NO_MAC, mtu: 1500, fastPath: true },
} as const satisfies Settings;

export const OWN_POD = '10.5.17.2';
export const PEER_POD = '10.5.20.3';
/** In a subnet between SubnetMin and SubnetMax that nobody holds. */
export const NOBODYS_POD = '10.5.30.9';

export const GATEWAY_MAC = '02:cc:00:00:00:01';
export const POD_MAC = '02:cc:00:00:17:02';

const endpoint = (address: string, device: string): Endpoint => ({
  address,
  device,
  gatewayMac: GATEWAY_MAC,
});

export const ENDPOINT = endpoint(OWN_POD, 'lo');
/** Has sent nothing: nobody knows its MAC. */
export const SILENT = endpoint('10.5.17.3', 'lo');
/** On an interface that is no longer there. */
export const VANISHED = endpoint('10.5.17.4', 'vanished');
export const ENDPOINTS: readonly Endpoint[] = [ENDPOINT, SILENT, VANISHED];

/** From the host's bridge to the device's own MAC, as the kernel fills it in for a NOARP device. */
const ON_DEVICE: EthernetFields = {
  destination: SETTINGS.deviceMac,
  source: SETTINGS.deviceMac,
};

export type PacketChanges = Partial<Ipv4Fields> & { readonly type?: number };

/** A UDP packet of a pod of ours to one of PEER's, as the host routes it to the overlay device. */
export function sent(changes: PacketChanges = {}, payload = udpPayload()): Buffer {
  const { type, ...ip } = changes;
  return ethernet(
    { ...ON_DEVICE, ...(type !== undefined && { type }) },
    ipv4(
      { source: OWN_POD, destination: PEER_POD, protocol: PROTOCOL.udp, id: 0x1234, ...ip },
      payload,
    ),
  );
}

/** The same packet, as the pod puts it on its own cable. */
export function fromPod(changes: PacketChanges = {}, payload = udpPayload()): Buffer {
  const packet = sent(changes, payload);
  packet.set([...parseMac(GATEWAY_MAC), ...parseMac(POD_MAC)]);
  return packet;
}

/** What a pod asks all others on its cable (RFC 826). */
export function arpRequest(senderAddress: string, source = POD_MAC): Buffer {
  const request = Buffer.alloc(28);
  request.writeUInt32BE(0x0001_0800, 0);
  request.writeUInt32BE(0x0604_0001, 4);
  request.set(parseMac(source), 8);
  request.writeUInt32BE(parseIpv4(senderAddress), 14);
  request.writeUInt32BE(parseIpv4('10.5.17.1'), 24);
  const frame = { destination: 'ff:ff:ff:ff:ff:ff', source, type: ETHERTYPE.arp };
  return ethernet(frame, request);
}

/** A packet of a peer's pod to ours, as it comes in on the underlay without a tunnel; test runs are on the loopback. */
export function plain(changes: PacketChanges = {}, payload = udpPayload()): Buffer {
  const packet = sent({ source: PEER_POD, destination: OWN_POD, ...changes }, payload);
  packet.set([...parseMac(NO_MAC), ...parseMac(PEER.mac)]);
  return packet;
}

export function udpPayload(length = 64, source = 40000): Buffer {
  return udp({ source, destination: 53 }, letters(length));
}

export function tcpPayload(length = 64): Buffer {
  return tcp({ source: 40000, destination: 80 }, letters(length));
}

/** What may be different from a good packet, layer by layer. */
export interface Changes {
  readonly outerEthernet?: Partial<EthernetFields>;
  readonly outer?: Partial<Ipv4Fields>;
  readonly udp?: Partial<UdpFields>;
  readonly vxlan?: Partial<VxlanFields>;
  readonly innerEthernet?: Partial<EthernetFields>;
  readonly inner?: Partial<Ipv4Fields>;
  readonly payload?: Buffer;
}

/** What PEER's pod sent to ours, as it comes in on the underlay. */
export function received(changes: Changes = {}): Buffer {
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
  const frame = ethernet(
    { destination: SETTINGS.deviceMac, source: PEER.mac, ...changes.innerEthernet },
    inner,
  );
  const datagram = udp(
    { source: 51234, destination: SETTINGS.port, ...changes.udp },
    vxlan({ vni: SETTINGS.vni, ...changes.vxlan }, frame),
  );
  const outer = ipv4(
    {
      source: PEER.publicIp,
      destination: SETTINGS.underlayAddress,
      protocol: PROTOCOL.udp,
      id: 0xbeef,
      ...changes.outer,
    },
    datagram,
  );
  return ethernet(
    { destination: '02:ee:00:00:00:17', source: '02:ee:00:00:00:01', ...changes.outerEthernet },
    outer,
  );
}

/** What the kernel's device hands on: PEER's packet without its outer headers. */
export function decapsulated(
  changes: PacketChanges & Partial<EthernetFields> & { readonly innerDestination?: string } = {},
): Buffer {
  const { type, destination, innerDestination = OWN_POD, ...ip } = changes;
  return ethernet(
    {
      destination: destination ?? SETTINGS.deviceMac,
      source: PEER.mac,
      ...(type !== undefined && { type }),
    },
    ipv4(
      {
        protocol: PROTOCOL.udp,
        id: 0x4321,
        ...ip,
        source: ip.source ?? PEER_POD,
        destination: innerDestination,
      },
      udpPayload(),
    ),
  );
}
