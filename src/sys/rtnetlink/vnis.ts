/** What the VNI filters of vxlan devices let in, by rtnetlink(7): Linux 5.18 and later. */
import { attribute, attributeOf, attributesOf, dump, request, u32 } from '../netlink_request.ts';

/** <linux/rtnetlink.h>, <linux/if_link.h> */
const RTM_NEWTUNNEL = 120;
const RTM_DELTUNNEL = 121;
const RTM_GETTUNNEL = 122;
const NLA_F_NESTED = 0x8000;
const VXLAN_VNIFILTER_ENTRY = 1;
const VXLAN_VNIFILTER_ENTRY_START = 1;

/** `struct tunnel_msg`: family, flags, reserved (16 bits), index. */
const HEADER_BYTES = 8;
const INDEX_AT = 4;
const AF_BRIDGE = 7;

/**
 * The first VNI that each device with a filter lets in, by the device's index.
 * @throws SystemError
 */
export function readFirstVnis(): Map<number, number> {
  const body = headerOf(0);
  const found = new Map<number, number>();
  for (const message of dump('list VNIs', { type: RTM_GETTUNNEL, body })) {
    const index = message.readUInt32LE(INDEX_AT);
    // One for each range; the first of them.
    const entry = attributeOf(message.subarray(HEADER_BYTES), VXLAN_VNIFILTER_ENTRY);
    const vni = attributesOf(entry ?? Buffer.alloc(0)).get(VXLAN_VNIFILTER_ENTRY_START);
    if (vni !== undefined && !found.has(index)) found.set(index, vni.readUInt32LE());
  }
  return found;
}

/**
 * Lets a VNI in.
 * @param index the device's
 * @throws SystemError
 */
export function addVni(index: number, vni: number): void {
  request('vni add', { type: RTM_NEWTUNNEL, flags: 0, body: bodyOf(index, vni) });
}

/** @throws SystemError */
export function deleteVni(index: number, vni: number): void {
  request('vni delete', { type: RTM_DELTUNNEL, flags: 0, body: bodyOf(index, vni) });
}

function bodyOf(index: number, vni: number): Buffer {
  const entry = attribute(VXLAN_VNIFILTER_ENTRY | NLA_F_NESTED, [
    attribute(VXLAN_VNIFILTER_ENTRY_START, u32(vni)),
  ]);
  return Buffer.concat([headerOf(index), entry]);
}

function headerOf(index: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(AF_BRIDGE, 0);
  header.writeUInt32LE(index, INDEX_AT);
  return header;
}
