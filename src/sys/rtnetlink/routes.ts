/** The kernel's IPv4 routes, by rtnetlink(7). */
import { SystemError } from '../libc.ts';
import { attribute, attributesOf, dump, request } from '../netlink_request.ts';

/** <linux/rtnetlink.h> */
const RTM_GETROUTE = 26;
const RTN_UNICAST = 1;
const RTN_BLACKHOLE = 6;
const RT_TABLE_MAIN = 254;
const RTM_F_CLONED = 0x200;
const RTNH_F_ONLINK = 4;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_MULTIPATH = 9;
const RTA_TABLE = 15;

/** `struct rtmsg`: family, lengths of destination and source, TOS, table, protocol, scope, type, flags. */
const HEADER_BYTES = 12;
const TABLE_AT = 4;
const PROTOCOL_AT = 5;
const FLAGS_AT = 8;
const AF_INET = 2;
const ADDRESS_BITS = 32;

/** `struct rtnexthop`: length (16 bits), flags, hops, index; attributes behind it. */
const NEXT_HOP_BYTES = 8;
const NEXT_HOP_INDEX_AT = 4;

/** Addresses are unsigned 32-bit numbers. */
export interface RouteRecord {
  readonly destination: number;
  readonly length: number;
  /** An IPv4 next hop; null: the destination is on the link, or the route is of another kind. */
  readonly gateway: number | null;
  /** The device's index; null: it has none, or several. */
  readonly index: number | null;
  /** Of a route by several ways at once, those of their devices. */
  readonly nextHopIndexes: readonly number[];
  /** `RTPROT_…`: who made it. */
  readonly protocol: number;
  /** Of routes to one destination the lowest is taken. */
  readonly metric: number;
  /** Other than 0 where it is for packets of one type of service only. */
  readonly tos: number;
  /** Whether it leads somewhere: unlike `unreachable`, `blackhole`, … */
  readonly isUnicast: boolean;
  /** Whether it drops what it takes. */
  readonly isBlackhole: boolean;
  /** Whether the next hop is taken to be on the link without a look. */
  readonly onlink: boolean;
}

/**
 * The IPv4 routes of the main table; of several to one destination the kernel lists that first which it takes.
 * @param protocol of those that bear this number alone; 0: of all
 * @throws SystemError
 */
export function readRouteRecords(protocol = 0): RouteRecord[] {
  const body = Buffer.alloc(HEADER_BYTES);
  body.writeUInt8(AF_INET, 0);
  body.writeUInt8(RT_TABLE_MAIN, TABLE_AT);
  body.writeUInt8(protocol, PROTOCOL_AT);
  return dumpTable(body).flatMap((message) =>
    protocol === 0 || message[PROTOCOL_AT] === protocol ? toRecord(message) : [],
  );
}

/** Where packets to an address leave the host. */
export interface WayOut {
  readonly index: number;
  /** The source address that they get, a number; null: the kernel names none. */
  readonly source: number | null;
}

/**
 * Asks the kernel as if a packet were to be sent, with its rules and all of its tables.
 * @param destination an address as a number
 * @throws SystemError ENETUNREACH, EHOSTUNREACH, EINVAL (`blackhole`), EACCES (`prohibit`): there is no way
 */
export function lookUpWay(destination: number): WayOut {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(AF_INET, 0);
  header.writeUInt8(ADDRESS_BITS, 1);
  const address = Buffer.alloc(4);
  address.writeUInt32BE(destination);
  const body = Buffer.concat([header, attribute(RTA_DST, address)]);
  const [answer] = request('look up a route', { type: RTM_GETROUTE, flags: 0, body });
  const attributes = attributesOf((answer ?? Buffer.alloc(HEADER_BYTES)).subarray(HEADER_BYTES));
  return {
    index: attributes.get(RTA_OIF)?.readUInt32LE() ?? 0,
    source: attributes.get(RTA_PREFSRC)?.readUInt32BE() ?? null,
  };
}

/** A network namespace makes the table with its first route. */
function dumpTable(body: Buffer): Buffer[] {
  try {
    return dump('list routes', { type: RTM_GETROUTE, body });
  } catch (error) {
    if (error instanceof SystemError && error.errno === 'ENOENT') return [];
    throw error;
  }
}

function toRecord(message: Buffer): RouteRecord[] {
  const [family, length = 0, , tos = 0, shortTable, protocol = 0, , type] = message;
  const flags = message.readUInt32LE(FLAGS_AT);
  const attributes = attributesOf(message.subarray(HEADER_BYTES));
  const table = attributes.get(RTA_TABLE)?.readUInt32LE() ?? shortTable;
  if (family !== AF_INET || table !== RT_TABLE_MAIN || (flags & RTM_F_CLONED) !== 0) return [];
  const record = {
    destination: attributes.get(RTA_DST)?.readUInt32BE() ?? 0,
    length,
    gateway: attributes.get(RTA_GATEWAY)?.readUInt32BE() ?? null,
    index: attributes.get(RTA_OIF)?.readUInt32LE() ?? null,
    nextHopIndexes: nextHopIndexes(attributes.get(RTA_MULTIPATH)),
    protocol,
    metric: attributes.get(RTA_PRIORITY)?.readUInt32LE() ?? 0,
    tos,
    isUnicast: type === RTN_UNICAST,
    isBlackhole: type === RTN_BLACKHOLE,
    onlink: (flags & RTNH_F_ONLINK) !== 0,
  };
  return [record];
}

function nextHopIndexes(hops: Buffer | undefined): number[] {
  const found: number[] = [];
  for (let at = 0; hops !== undefined && at + NEXT_HOP_BYTES <= hops.length; ) {
    const size = hops.readUInt16LE(at);
    if (size < NEXT_HOP_BYTES) break;
    found.push(hops.readInt32LE(at + NEXT_HOP_INDEX_AT));
    at += (size + 3) & ~3;
  }
  return found;
}
