/** vxlan devices, by rtnetlink(7): what they tell of themselves, and one that is made. Numbers are in host byte order. */
import { attribute, NLM_F_CREATE, NLM_F_EXCL, request, text } from '../netlink_request.ts';
import {
  HEADER_BYTES,
  IFLA_ADDRESS,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
  type LinkRecord,
  RTM_NEWLINK,
} from './links.ts';

/** <linux/if_link.h> */
const IFLA_VXLAN_ID = 1;
const IFLA_VXLAN_LINK = 3;
const IFLA_VXLAN_LOCAL = 4;
const IFLA_VXLAN_LEARNING = 7;
const IFLA_VXLAN_PORT = 15;
const IFLA_VXLAN_UDP_ZERO_CSUM6_RX = 20;
const IFLA_VXLAN_REMCSUM_RX = 22;
const IFLA_VXLAN_GBP = 23;
const IFLA_VXLAN_COLLECT_METADATA = 25;
const IFLA_VXLAN_GPE = 27;
const IFLA_VXLAN_VNIFILTER = 30;

export interface VxlanData {
  readonly id: number;
  /** UDP port. */
  readonly port: number;
  /** Index of the underlay; 0: none. */
  readonly underlay: number;
  /** The outer source address; null: none. */
  readonly local: number | null;
  readonly gbp: boolean;
  /** Whether peers and VNI come with each packet, not from the device. */
  readonly external: boolean;
  readonly vnifilter: boolean;
  /** iproute2's names of what must be alike where devices share a port, as far as it is set. */
  readonly socketFlags: readonly string[];
}

/** Those that are attributes without a value are set by being there. */
const SOCKET_FLAGS: readonly (readonly [name: string, type: number])[] = [
  ['external', IFLA_VXLAN_COLLECT_METADATA],
  ['vnifilter', IFLA_VXLAN_VNIFILTER],
  ['gbp', IFLA_VXLAN_GBP],
  ['gpe', IFLA_VXLAN_GPE],
  ['udp_zero_csum6_rx', IFLA_VXLAN_UDP_ZERO_CSUM6_RX],
  ['remcsum_rx', IFLA_VXLAN_REMCSUM_RX],
];

/** undefined: it is no vxlan device. */
export function vxlanDataOf({ kind, data }: LinkRecord): VxlanData | undefined {
  if (kind !== 'vxlan') return undefined;
  const isSet = (type: number) => data.has(type) && data.get(type)?.[0] !== 0;
  return {
    id: data.get(IFLA_VXLAN_ID)?.readUInt32LE() ?? 0,
    port: data.get(IFLA_VXLAN_PORT)?.readUInt16BE() ?? 0,
    underlay: data.get(IFLA_VXLAN_LINK)?.readUInt32LE() ?? 0,
    local: data.get(IFLA_VXLAN_LOCAL)?.readUInt32BE() ?? null,
    gbp: isSet(IFLA_VXLAN_GBP),
    external: isSet(IFLA_VXLAN_COLLECT_METADATA),
    vnifilter: isSet(IFLA_VXLAN_VNIFILTER),
    socketFlags: SOCKET_FLAGS.flatMap(([name, type]) => (isSet(type) ? [name] : [])),
  };
}

const [OFF, ON] = [Buffer.from([0]), Buffer.from([1])];

export interface NewVxlan {
  readonly name: string;
  /** Six octets. */
  readonly mac: Uint8Array;
  /** UDP port. */
  readonly port: number;
  readonly gbp: boolean;
}

/**
 * What `ip link add NAME address MAC type vxlan external vnifilter nolearning dstport PORT` makes, `gbp` besides.
 * The kernel has VNI filters since Linux 5.18.
 * @throws SystemError
 */
export function createFilteredVxlan({ name, mac, port, gbp }: NewVxlan): void {
  const portOctets = Buffer.alloc(2);
  portOctets.writeUInt16BE(port);
  const data = [
    attribute(IFLA_VXLAN_COLLECT_METADATA, ON),
    attribute(IFLA_VXLAN_VNIFILTER, ON),
    attribute(IFLA_VXLAN_LEARNING, OFF),
    attribute(IFLA_VXLAN_PORT, portOctets),
    ...(gbp ? [attribute(IFLA_VXLAN_GBP, [])] : []),
  ];
  const body = Buffer.concat([
    Buffer.alloc(HEADER_BYTES),
    attribute(IFLA_IFNAME, text(name)),
    attribute(IFLA_ADDRESS, Buffer.from(mac)),
    attribute(IFLA_LINKINFO, [
      attribute(IFLA_INFO_KIND, text('vxlan')),
      attribute(IFLA_INFO_DATA, data),
    ]),
  ]);
  request('link add type vxlan', { type: RTM_NEWLINK, flags: NLM_F_CREATE | NLM_F_EXCL, body });
}
