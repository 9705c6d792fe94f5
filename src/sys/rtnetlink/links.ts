/** The kernel's network devices, by rtnetlink(7). Numbers are in host byte order. */
import { attribute, attributesOf, dump, textOf, u32 } from '../netlink_request.ts';

/** <linux/rtnetlink.h> */
export const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;

/** `struct ifinfomsg`: family, padding, type (16 bits), index, flags, change. */
export const HEADER_BYTES = 16;
const INDEX_AT = 4;
const FLAGS_AT = 8;

/** <linux/if.h> */
const IFF_UP = 0x1;
const IFF_NOARP = 0x80;

/** <linux/if_link.h> */
export const IFLA_ADDRESS = 1;
export const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
export const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_EXT_MASK = 29;
const IFLA_LINK_NETNSID = 37;
const IFLA_XDP = 43;
export const IFLA_INFO_KIND = 1;
export const IFLA_INFO_DATA = 2;
const IFLA_XDP_PROG_ID = 4;

/** <linux/rtnetlink.h>: without IPv6's counters, which are most of what the kernel tells of a device. */
const RTEXT_FILTER_SKIP_STATS = 8;

export interface LinkRecord {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
  readonly noArp: boolean;
  readonly mtu: number;
  /** The link-layer address; empty: it has none. */
  readonly address: Buffer;
  readonly alias: string | undefined;
  /** Index of the bridge or bond that it is a port of. */
  readonly master: number | undefined;
  /** Index of the other end of a veth pair, or of what a tunnel sends by. */
  readonly link: number | undefined;
  /** Whether `link` is an index in another network namespace. */
  readonly linksElsewhere: boolean;
  /** `veth`, `vxlan`, …; empty: a physical one, or the loopback. */
  readonly kind: string;
  /** What the kind tells of itself: `IFLA_VXLAN_…`, `IFLA_IPTUN_…`. */
  readonly data: ReadonlyMap<number, Buffer>;
  /** Id of the XDP program on it. */
  readonly xdpProgram: number | undefined;
}

/**
 * The devices of this process's network namespace, by index.
 * @throws SystemError
 */
export function readLinkRecords(): LinkRecord[] {
  return dumpLinks().map(toRecord);
}

/**
 * The same as the kernel sends them: `struct ifinfomsg` and its attributes.
 * @throws SystemError
 */
export function dumpLinks(): Buffer[] {
  const extended = attribute(IFLA_EXT_MASK, u32(RTEXT_FILTER_SKIP_STATS));
  const body = Buffer.concat([Buffer.alloc(HEADER_BYTES), extended]);
  return dump('list links', { type: RTM_GETLINK, body });
}

function toRecord(message: Buffer): LinkRecord {
  const attributes = attributesOf(message.subarray(HEADER_BYTES));
  const nested = (type: number) => attributesOf(attributes.get(type) ?? Buffer.alloc(0));
  const number = (type: number) => attributes.get(type)?.readUInt32LE();
  const info = nested(IFLA_LINKINFO);
  const flags = message.readUInt32LE(FLAGS_AT);
  return {
    index: message.readInt32LE(INDEX_AT),
    name: textOf(attributes.get(IFLA_IFNAME)) ?? '',
    up: (flags & IFF_UP) !== 0,
    noArp: (flags & IFF_NOARP) !== 0,
    mtu: number(IFLA_MTU) ?? 0,
    address: attributes.get(IFLA_ADDRESS) ?? Buffer.alloc(0),
    alias: textOf(attributes.get(IFLA_IFALIAS)),
    master: number(IFLA_MASTER),
    link: number(IFLA_LINK),
    linksElsewhere: attributes.has(IFLA_LINK_NETNSID),
    kind: textOf(info.get(IFLA_INFO_KIND)) ?? '',
    data: attributesOf(info.get(IFLA_INFO_DATA) ?? Buffer.alloc(0)),
    xdpProgram: nested(IFLA_XDP).get(IFLA_XDP_PROG_ID)?.readUInt32LE(),
  };
}
