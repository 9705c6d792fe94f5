/** The oracle for what goes out: vxlan_send, endpoint_send. */
import { parseIpv4 } from '../../src/net/ipv4.ts';
import type { Peer } from '../../src/plan/dataplane.ts';
import {
  decrementTtl,
  dropFor,
  type Expected,
  type Frame,
  fits,
  handOn,
  IGNORED,
  listHostReasons,
  listTrue,
  type Traffic,
  type World,
} from './oracle.ts';
import { ETHERTYPE, headerChecksum, LENGTH, PROTOCOL } from './packets.ts';

const IP = LENGTH.ethernet;

/** On the overlay device. */
export function judgeSent(world: World, frame: Frame): Expected {
  const { bytes, length, gsoSize } = frame;
  if (bytes.readUInt16BE(12) !== ETHERTYPE.ipv4) return dropFor(['drop_not_ipv4']);
  const source = bytes.readUInt32BE(IP + 12);
  const peer = world.holderOf(bytes.readUInt32BE(IP + 16));
  const isForeign = world.isInNetwork(source) && !world.isOwn(source);
  if (isForeign || !peer)
    return dropFor(listTrue({ drop_foreign_source: isForeign, drop_no_peer: !peer }));
  if (gsoSize === 0) return encapsulated(world, frame, peer, 0);
  return {
    ...handOn('slow_send_room'),
    ...trafficTo(frame, peer),
    // The kernel's device asks for the MAC.
    write: (to) => {
      bytes.copy(to, 0, 0, length);
      to.write(peer.mac.replaceAll(':', ''), 0, 'hex');
      return length;
    },
  };
}

/** On the endpoint's interface. */
export function judgeEndpoint(world: World, frame: Frame): Expected {
  const { bytes } = frame;
  const type = bytes.readUInt16BE(12);
  if (type !== ETHERTYPE.ipv4 && type !== ETHERTYPE.arp) return IGNORED;
  const isArp = type === ETHERTYPE.arp;
  const endpoint = world.endpointAt(bytes.readUInt32BE(isArp ? 28 : IP + 12));
  const learns = endpoint?.isHere ? { learns: endpoint } : {};
  if (isArp) return { ...IGNORED, ...learns };
  if (!endpoint?.isHere) return dropFor(['drop_endpoint_source']);
  const peer = world.holderOf(bytes.readUInt32BE(IP + 16));
  if (!world.settings.fastPath || !peer) return { ...IGNORED, ...learns };
  const isTooLong = !fits(frame, world.settings.mtu);
  const reasons = [
    ...listHostReasons(world, frame, IP),
    ...listTrue({
      host_size: isTooLong,
      host_room: frame.gsoSize > 0 && !isTooLong && !peer.direct,
    }),
  ];
  if (reasons.length > 0) return { ...handOn(...reasons), ...learns };
  if (peer.direct) return { ...sentPlainly(frame, peer), ...learns };
  return { ...encapsulated(world, frame, peer, 1), ...learns };
}

function trafficTo({ length, packets }: Frame, peer: Peer): { traffic: Traffic } {
  return { traffic: { peer, way: 'sent', packets, bytes: length - IP } };
}

/** As it is, one hop less of life. */
function sentPlainly(frame: Frame, peer: Peer): Expected {
  const { bytes, length } = frame;
  return {
    verdict: 'redirected',
    counters: [],
    ...trafficTo(frame, peer),
    write: (to) => {
      bytes.copy(to, 0, 0, length);
      decrementTtl(to, IP);
      return length;
    },
  };
}

/** @param overhead the tunnel's: of vxlan or udp */
export function encapsulated(
  world: World,
  frame: Frame,
  peer: Peer,
  hops: 0 | 1,
  overhead: number = LENGTH.overhead,
): Expected {
  const { bytes, length } = frame;
  return {
    verdict: 'redirected',
    counters: [],
    ...trafficTo(frame, peer),
    write: (to, actual) => {
      bytes.copy(to, 0, 0, IP);
      writeOuter(to, actual, world, frame, peer, overhead);
      if (overhead === LENGTH.overhead) writeVxlan(to, world, frame, peer);
      bytes.copy(to, IP + overhead, IP, length);
      if (hops > 0) decrementTtl(to, IP + overhead);
      return length + overhead;
    },
  };
}

/** RFC 791 and 768. The id is any: what it counts is told elsewhere. */
function writeOuter(
  to: Buffer,
  actual: Buffer,
  world: World,
  frame: Frame,
  peer: Peer,
  overhead: number,
): void {
  const { settings } = world;
  const length = frame.length - IP + overhead;
  to.writeUInt16BE(0x4500 | (frame.bytes.readUInt8(IP + 1) & 3), IP);
  to.writeUInt16BE(length, IP + 2);
  actual.copy(to, IP + 4, IP + 4, IP + 6);
  to.writeUInt16BE(0, IP + 6);
  to.writeUInt16BE((64 << 8) | PROTOCOL.udp, IP + 8);
  to.writeUInt16BE(0, IP + 10);
  to.writeUInt32BE(world.underlayAddress, IP + 12);
  to.writeUInt32BE(parseIpv4(peer.publicIp), IP + 16);
  to.writeUInt16BE(headerChecksum(to, IP), IP + 10);
  to.writeUInt16BE(sourcePort(frame), IP + 20);
  to.writeUInt16BE(settings.port, IP + 22);
  to.writeUInt16BE(length - LENGTH.ipv4, IP + 24);
  to.writeUInt16BE(0, IP + 26);
}

/** RFC 7348. */
function writeVxlan(to: Buffer, { settings }: World, frame: Frame, peer: Peer): void {
  const policy = settings.gbp && frame.mark !== 0 ? 0x8000_0000 | (frame.mark & 0x0048_ffff) : 0;
  to.writeUInt32BE((0x0800_0000 | policy) >>> 0, IP + 28);
  to.writeUInt32BE(settings.vni * 256, IP + 32);
  to.write(`${peer.mac}${settings.deviceMac}`.replaceAll(':', ''), IP + 36, 'hex');
  to.writeUInt16BE(ETHERTYPE.ipv4, IP + 48);
}

/** Of a packet to which nobody has given a hash: addresses and ports, mixed as MurmurHash3 does in the end. */
function sourcePort({ bytes, length }: Frame): number {
  const isWhole = (bytes.readUInt16BE(IP + 6) & 0x3fff) === 0;
  const protocol = bytes[IP + 9];
  const hasPorts =
    isWhole &&
    (bytes.readUInt8(IP) & 15) === 5 &&
    (protocol === PROTOCOL.tcp || protocol === PROTOCOL.udp) &&
    length >= IP + 24;
  const ports = hasPorts ? bytes.readUInt32LE(IP + 20) : 0;
  let hash = Math.imul(bytes.readUInt32LE(IP + 12) ^ ports, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash ^ bytes.readUInt32LE(IP + 16), 0xc2b2ae35);
  hash ^= hash >>> 16;
  hash ^= hash << 16;
  return 32768 + Math.floor(((hash >>> 0) * 28232) / 2 ** 32);
}
