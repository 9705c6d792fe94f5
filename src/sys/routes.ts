/** The kernel's IPv4 routes of one device, by rtnetlink(7). */
import { attributesOf, NLM_F_DUMP, request } from './netlink_request.ts';

/** <linux/rtnetlink.h> */
const RTM_GETROUTE = 26;
const RTN_UNICAST = 1;
const RT_TABLE_MAIN = 254;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;

/** `struct rtmsg`: family, lengths of destination and source, TOS, table, protocol, scope, type, flags. */
const HEADER_BYTES = 12;
const AF_INET = 2;

export interface DeviceRoute {
  /** Addresses are unsigned 32-bit numbers. */
  readonly destination: number;
  readonly length: number;
  /** null: the destination is on the link. */
  readonly gateway: number | null;
}

/**
 * The unicast routes of the main table over a device that bear a protocol number.
 * @throws SystemError
 */
export function readDeviceRoutes(ifindex: number, protocol: number): DeviceRoute[] {
  const body = Buffer.alloc(HEADER_BYTES);
  body.writeUInt8(AF_INET, 0);
  const messages = request('list routes', { type: RTM_GETROUTE, flags: NLM_F_DUMP, body });
  const routes: DeviceRoute[] = [];
  for (const message of messages) {
    const [length, table, by, type] = [1, 4, 5, 7].map((at) => message.readUInt8(at));
    if (table !== RT_TABLE_MAIN || by !== protocol || type !== RTN_UNICAST) continue;
    const attributes = attributesOf(message.subarray(HEADER_BYTES));
    if (attributes.get(RTA_OIF)?.readUInt32LE() !== ifindex) continue;
    routes.push({
      destination: attributes.get(RTA_DST)?.readUInt32BE() ?? 0,
      length: length ?? 0,
      gateway: attributes.get(RTA_GATEWAY)?.readUInt32BE() ?? null,
    });
  }
  return routes;
}
