/** The kernel's permanent entries for neighbours, and a vxlan device's for hosts (FDB), by rtnetlink(7). */
import { attribute, attributesOf, dump, u32 } from '../netlink_request.ts';

/** <linux/rtnetlink.h>, <linux/neighbour.h> */
const RTM_GETNEIGH = 30;
const NUD_PERMANENT = 0x80;
const NDA_DST = 1;
const NDA_LLADDR = 2;
const NDA_PORT = 6;
const NDA_VNI = 7;
const NDA_IFINDEX = 8;
const NDA_SRC_VNI = 11;

/** `struct ndmsg`: family, padding, index, state (16 bits), flags, type. */
const HEADER_BYTES = 12;
const INDEX_AT = 4;
const STATE_AT = 8;
const AF_INET = 2;
const AF_BRIDGE = 7;

export interface NeighborRecord {
  /** IPv4, an unsigned 32-bit number. */
  readonly destination: number;
  /** The link-layer address; empty: it has none. */
  readonly address: Buffer;
}

/**
 * The permanent IPv4 neigh entries on a device.
 * @throws SystemError
 */
export function readNeighbors(index: number): NeighborRecord[] {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(AF_INET, 0);
  const body = Buffer.concat([header, attribute(NDA_IFINDEX, u32(index))]);
  return readPermanent('list neighbours', body, index, []);
}

/**
 * The permanent FDB entries of a device for IPv4 hosts that say no more than MAC and host: of those with a port, VNI or
 * device of their own, none.
 * @throws SystemError
 */
export function readFdb(index: number): NeighborRecord[] {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(AF_BRIDGE, 0);
  header.writeInt32LE(index, INDEX_AT);
  return readPermanent('list fdb', header, index, [NDA_PORT, NDA_VNI, NDA_SRC_VNI, NDA_IFINDEX]);
}

function readPermanent(
  what: string,
  body: Buffer,
  index: number,
  without: readonly number[],
): NeighborRecord[] {
  return dump(what, { type: RTM_GETNEIGH, body }).flatMap((message) => {
    const isOfDevice = message.readInt32LE(INDEX_AT) === index;
    if (!isOfDevice || (message.readUInt16LE(STATE_AT) & NUD_PERMANENT) === 0) return [];
    const attributes = attributesOf(message.subarray(HEADER_BYTES));
    const destination = attributes.get(NDA_DST);
    if (destination?.length !== 4 || without.some((type) => attributes.has(type))) return [];
    return [
      {
        destination: destination.readUInt32BE(),
        address: attributes.get(NDA_LLADDR) ?? Buffer.alloc(0),
      },
    ];
  });
}
