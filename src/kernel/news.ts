/** What the kernel's news say, in the contract's words: rtnetlink(7) of <linux/rtnetlink.h>. Little-endian. */
import { formatMac } from '../net/mac.ts';
import { prefixOf } from '../net/prefix.ts';
import { attributeOf, textOf } from '../sys/netlink_request.ts';
import type { NewsMessage } from '../sys/news_socket.ts';
import type { HostChange } from './contract.ts';
import { ROUTE_PROTOCOL } from './observe.ts';

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_NEWNEIGH = 28;
const RTM_DELNEIGH = 29;
const RTM_NEWQDISC = 36;
const RTM_DELQDISC = 37;
const RTM_NEWTFILTER = 44;
const RTM_DELTFILTER = 45;
/** Of VNI filters. */
const RTM_NEWTUNNEL = 120;
const RTM_DELTUNNEL = 121;

const AF_INET = 2;
const AF_BRIDGE = 7;
const RT_TABLE_MAIN = 254;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_TABLE = 15;

/** Sizes of `struct ifinfomsg`, `ifaddrmsg` and `rtmsg`; the index of a device stands at 4 but in the last. */
const LINK_BYTES = 16;
const ADDRESS_BYTES = 8;
const ROUTE_BYTES = 12;
const INDEX_AT = 4;

/** The devices that there are, as far as was told: other news tell them by index. */
export interface KnownDevices {
  /** Takes in what a link message says. */
  learn(message: NewsMessage): void;
  nameOf(index: number): string;
  forget(): void;
  /** What the kernel told; null: nothing of the kinds known here. */
  read(message: NewsMessage): HostChange | null;
}

interface Device {
  readonly name: string;
  /** Its octets in hexadecimal digits. */
  readonly mac: string;
}

/** News of devices, and by means of what is known of them, of all else that hangs on devices. */
export function createKnownDevices(): KnownDevices {
  const devices = new Map<number, Device>();
  const nameOf = (index: number) => devices.get(index)?.name ?? '';

  const readLink = ({ type, body }: NewsMessage): HostChange => {
    const index = body.readInt32LE(INDEX_AT);
    const before = devices.get(index);
    const now = deviceOf(body);
    // A port that leaves its bridge is told of as a link of the bridge's that is gone.
    if (type === RTM_NEWLINK) devices.set(index, { ...before, ...now });
    else if (body.readUInt8(0) !== AF_BRIDGE) devices.delete(index);
    const isOther = before !== undefined && before.mac !== now.mac;
    return {
      of: 'link',
      device: now.name,
      before: before?.name ?? '',
      formerMac: isOther ? formatMac(Buffer.from(before.mac, 'hex')) : null,
    };
  };

  return {
    learn: (message) => void readLink(message),
    nameOf,
    forget: () => devices.clear(),
    read(message) {
      const { type, body } = message;
      const device = () => nameOf(body.readInt32LE(INDEX_AT));
      switch (type) {
        case RTM_NEWLINK:
        case RTM_DELLINK:
          return readLink(message);
        case RTM_NEWADDR:
        case RTM_DELADDR:
          return { of: 'address', device: device(), address: addressOf(body) };
        case RTM_NEWROUTE:
        case RTM_DELROUTE:
          return readRoute(body, type === RTM_DELROUTE, nameOf);
        case RTM_NEWNEIGH:
        case RTM_DELNEIGH:
          return { of: 'neighbor', device: device(), gone: type === RTM_DELNEIGH };
        case RTM_NEWQDISC:
        case RTM_DELQDISC:
        case RTM_NEWTFILTER:
        case RTM_DELTFILTER:
        case RTM_NEWTUNNEL:
        case RTM_DELTUNNEL:
          return { of: 'traffic', device: device() };
        default:
          return null;
      }
    },
  };
}

function deviceOf(body: Buffer): Device {
  const attributes = body.subarray(LINK_BYTES);
  const name = attributeOf(attributes, IFLA_IFNAME);
  return {
    name: textOf(name) ?? '',
    mac: attributeOf(attributes, IFLA_ADDRESS)?.toString('hex') ?? '',
  };
}

function addressOf(body: Buffer): number {
  const attributes = body.subarray(ADDRESS_BYTES);
  const address = attributeOf(attributes, IFA_LOCAL) ?? attributeOf(attributes, IFA_ADDRESS);
  return address?.readUInt32BE() ?? 0;
}

/** `struct rtmsg`: family, lengths of destination and source, TOS, table, protocol, scope, type, flags. */
function readRoute(
  body: Buffer,
  gone: boolean,
  nameOf: (index: number) => string,
): HostChange | null {
  const [family, length = 0, , , shortTable, protocol] = body;
  const attributes = body.subarray(ROUTE_BYTES);
  const table = attributeOf(attributes, RTA_TABLE)?.readUInt32LE() ?? shortTable;
  if (family !== AF_INET || table !== RT_TABLE_MAIN) return null;
  return {
    of: 'route',
    device: nameOf(attributeOf(attributes, RTA_OIF)?.readUInt32LE() ?? 0),
    destination: prefixOf(attributeOf(attributes, RTA_DST)?.readUInt32BE() ?? 0, length),
    ours: protocol === ROUTE_PROTOCOL,
    gone,
  };
}
