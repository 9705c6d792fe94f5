/** What a device's driver can do with XDP: the generic netlink family `netdev`, <linux/netdev.h>, Linux 6.3 and later. */
import { SystemError } from './libc.ts';
import { attribute, attributesOf, request, text, u32 } from './netlink_request.ts';
import { NETLINK_GENERIC } from './socket.ts';

/** <linux/genetlink.h> */
const CONTROL_FAMILY = 16;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR_FAMILY_ID = 1;
const CTRL_ATTR_FAMILY_NAME = 2;
/** `struct genlmsghdr`. */
const HEADER_SIZE = 4;

const NETDEV_CMD_DEV_GET = 1;
const NETDEV_A_DEV_IFINDEX = 1;
const NETDEV_A_DEV_XDP_FEATURES = 3;
const NETDEV_XDP_ACT_BASIC = 1n;

function ask(what: string, family: number, command: number, argument: Buffer): Map<number, Buffer> {
  const [answer = Buffer.alloc(HEADER_SIZE)] = request(what, {
    protocol: NETLINK_GENERIC,
    type: family,
    flags: 0,
    body: Buffer.concat([Buffer.from([command, 1, 0, 0]), argument]),
  });
  return attributesOf(answer.subarray(HEADER_SIZE));
}

/** Whether the driver runs XDP programs itself; null: the kernel is too old to say. */
export function hasNativeXdp(ifindex: number): boolean | null {
  try {
    const name = attribute(CTRL_ATTR_FAMILY_NAME, text('netdev'));
    const family = ask('netlink family netdev', CONTROL_FAMILY, CTRL_CMD_GETFAMILY, name);
    const id = family.get(CTRL_ATTR_FAMILY_ID)?.readUInt16LE() ?? 0;
    const index = attribute(NETDEV_A_DEV_IFINDEX, u32(ifindex));
    const device = ask('netdev dev-get', id, NETDEV_CMD_DEV_GET, index);
    const features = device.get(NETDEV_A_DEV_XDP_FEATURES)?.readBigUInt64LE() ?? 0n;
    return (features & NETDEV_XDP_ACT_BASIC) !== 0n;
  } catch (error) {
    if (error instanceof SystemError && error.errno === 'ENOENT') return null;
    throw error;
  }
}
