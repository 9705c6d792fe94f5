/** The oracle for udp's programs: what comes in, and what goes out of either end of the pair. */
import type { CounterName } from '../../src/bpf/counters.ts';
import {
  dropFor,
  type Expected,
  type Frame,
  handOn,
  IGNORED,
  listTrue,
  type World,
} from './oracle.ts';
import {
  isPlainTunnel,
  judgeAddresses,
  listReasons,
  rewriteForPod,
  trafficFrom,
} from './oracle_receive.ts';
import { encapsulated } from './oracle_send.ts';
import { ECN, ETHERTYPE, headerChecksum, PROTOCOL } from './packets.ts';

const IP = 14;
const OVERHEAD = 28;
const INNER = IP + OVERHEAD;

/** On the underlay; of pieces see {@link isPiece}. */
export function judgeUdpReceived(world: World, frame: Frame): Expected {
  return isPlainTunnel(world, frame) ? judgePlain(world, frame) : IGNORED;
}

/**
 * A fragment that may be a tunnel's: what becomes of it is a matter of those before, which is told elsewhere.
 */
export function isPiece(world: World, { bytes, length }: Frame): boolean {
  return (
    length >= 34 &&
    bytes.readUInt16BE(12) === ETHERTYPE.ipv4 &&
    (bytes.readUInt16BE(20) & 0x3fff) !== 0 &&
    bytes[23] === PROTOCOL.udp &&
    bytes.readUInt32BE(30) === world.underlayAddress
  );
}

/** On the far end of the pair. */
export function judgeResent(world: World, frame: Frame): Expected {
  const { bytes } = frame;
  if (bytes.readUInt16BE(12) !== ETHERTYPE.ipv4) return dropFor(['drop_not_ipv4']);
  const peer = world.holderOf(bytes.readUInt32BE(IP + 16));
  if (!peer) {
    return isPlainTunnel(world, frame) ? judgePlain(world, frame) : dropFor(['drop_no_peer']);
  }
  // A GSO packet of a test run has no type, and gets no room.
  if (frame.gsoSize > 0) return dropFor(['drop_room']);
  return encapsulated(world, frame, peer, 0, OVERHEAD);
}

/** On the near end, while no peer is known to be in its kernel. */
export function judgeUdpSent(world: World, frame: Frame): Expected {
  const { bytes } = frame;
  if (bytes.readUInt16BE(12) !== ETHERTYPE.ipv4) return dropFor(['drop_not_ipv4']);
  const source = bytes.readUInt32BE(IP + 12);
  const isForeign = world.isInNetwork(source) && !world.isOwn(source);
  if (isForeign && world.holderOf(bytes.readUInt32BE(IP + 16)))
    return dropFor(['drop_foreign_source']);
  if (isForeign) return dropFor(['drop_foreign_source', 'drop_no_peer']);
  if (world.holderOf(bytes.readUInt32BE(IP + 16))) return handOn('slow_send_peer');
  return isPlainTunnel(world, frame) ? IGNORED : dropFor(['drop_no_peer']);
}

function judgePlain(world: World, frame: Frame): Expected {
  const { bytes, length, gsoSize } = frame;
  if (length < INNER + 20) return dropFor(['drop_truncated']);
  const isTcp = bytes[INNER + 9] === PROTOCOL.tcp;
  if (gsoSize > 0 && !(isTcp && isExact(frame)))
    return { verdict: 'redirected', counters: ['slow_receive_gso'] };
  const { host, isOutside, flaws } = judgeAddresses(world, bytes.readUInt32BE(26), bytes, INNER);
  const all = [...listFlaws(frame), ...flaws];
  if (all.length > 0) return dropFor(all);
  const mark = markOf(bytes);
  if (mark === 'none can be carried') return dropFor(['drop_congestion']);

  const isForEndpoint = world.settings.fastPath && (!isTcp || gsoSize > 0);
  const endpoint = isForEndpoint ? world.endpointAt(bytes.readUInt32BE(INNER + 16)) : undefined;
  const reasons = endpoint ? listReasons(world, frame, endpoint, isOutside, INNER) : [];
  const isGone = reasons[0] === 'host_endpoint_gone';
  const forgets = isGone && endpoint ? { forgets: endpoint } : {};
  /** Without as many bytes behind the Ethernet header. */
  const write = (to: Buffer, without: number) => {
    bytes.copy(to, 0, 0, IP);
    bytes.copy(to, IP, IP + without, length);
    if (mark !== null) writeMark(to, INNER - without, mark);
    return length - without;
  };
  // No room is made, which is found out last.
  if (gsoSize > 0) {
    const dropped = { ...dropFor(['drop_room']), alsoCounts: reasons, ...forgets };
    return { ...dropped, write: (to) => write(to, 0) };
  }
  return {
    verdict: 'redirected',
    counters: reasons,
    ...trafficFrom(host, frame.packets, bytes.readUInt16BE(INNER + 2)),
    ...forgets,
    write: (to) => {
      const written = write(to, OVERHEAD);
      world.deviceMac.copy(to, 0);
      world.deviceMac.copy(to, 6);
      if (endpoint && reasons.length === 0) rewriteForPod(to, endpoint);
      return written;
    },
  };
}

/** All lengths name the same packet. */
function isExact({ bytes, length }: Frame): boolean {
  const [ip, udp, inner] = [16, 38, INNER + 2].map((at) => bytes.readUInt16BE(at));
  return ip === length - IP && udp === length - IP - 20 && inner === length - INNER;
}

function listFlaws({ bytes, length, gsoSize }: Frame): CounterName[] {
  const [ip = 0, udp = 0, inner = 0] = [16, 38, INNER + 2].map((at) => bytes.readUInt16BE(at));
  const innerHeader = (bytes.readUInt8(INNER) & 15) * 4;
  return listTrue({
    drop_not_ipv4: bytes.readUInt8(INNER) >>> 4 !== 4 || innerHeader < 20,
    drop_checksum: headerChecksum(bytes, IP) !== 0,
    drop_length:
      gsoSize === 0 &&
      (ip + IP > length || udp + 20 > ip || inner + 8 > udp || inner < innerHeader),
  });
}

/** RFC 6040, figure 4: the mark that is to go on in the inner header's place; null: that one. */
function markOf(bytes: Buffer): number | null | 'none can be carried' {
  const [outer, inner] = [bytes.readUInt8(15) & 3, bytes.readUInt8(INNER + 1) & 3];
  if (outer === ECN.congested && inner === ECN.notCapable) return 'none can be carried';
  if (outer === ECN.congested && inner !== ECN.congested) return ECN.congested;
  return outer === ECN.capable1 && inner === ECN.capable0 ? ECN.capable1 : null;
}

/** Checksums that were wrong stay as wrong (RFC 1624, equation 3). */
function writeMark(to: Buffer, at: number, mark: number): void {
  const before = to.readUInt8(at + 1);
  const after = (before & 0xfc) | mark;
  let sum = (~to.readUInt16BE(at + 10) & 0xffff) + (~before & 0xffff) + after;
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = (sum & 0xffff) + (sum >>> 16);
  to.writeUInt16BE(~sum & 0xffff, at + 10);
  to.writeUInt8(after, at + 1);
}
