/** The oracle for what comes in: vxlan_receive, vxlan_check, vxlan_strip. */
import type { CounterName } from '../../src/bpf/counters.ts';
import type { Peer } from '../../src/plan/dataplane.ts';
import {
  decrementTtl,
  dropFor,
  type Expected,
  type Frame,
  fits,
  handOn,
  IGNORED,
  isMartian,
  listHostReasons,
  listTrue,
  type OracleEndpoint,
  type Traffic,
  type World,
} from './oracle.ts';
import { ECN, ETHERTYPE, headerChecksum, LENGTH, PROTOCOL } from './packets.ts';

const INNER_ETHERNET = LENGTH.overhead;
const INNER = LENGTH.overhead + LENGTH.ethernet;

/** `struct note` in bpf/include/note.h. */
const NOTE_MAGIC = 0x7461_7274;
const NOTE_BYTES = 16;

const POLICY_BITS = 0x8048_ffff;

/** Whose packet it is, and why its addresses are not believed. */
export function judgeAddresses(world: World, outerSource: number, inner: Buffer, at: number) {
  const source = inner.readUInt32BE(at + 12);
  const destination = inner.readUInt32BE(at + 16);
  const [holder, host] = [world.holderOf(source), world.hostAt(outerSource)];
  const isOutside = holder === undefined && !world.isInNetwork(source);
  const flaws = listTrue({
    drop_unknown_peer: host === undefined,
    drop_spoofed_source: host !== undefined && !isOutside && holder !== host,
    drop_martian:
      (isMartian(destination) && !world.isOwn(destination)) ||
      (isOutside && (isMartian(source) || source === world.underlayAddress)),
  });
  return { host, isOutside, flaws };
}

/** Whole, plain, and for our port; else nobody of ours looks at it. */
export function isPlainTunnel(world: World, { bytes, length }: Frame): boolean {
  return (
    length >= 42 &&
    bytes.readUInt16BE(12) === ETHERTYPE.ipv4 &&
    bytes[14] === 0x45 &&
    (bytes.readUInt16BE(20) & 0x3fff) === 0 &&
    bytes[23] === PROTOCOL.udp &&
    bytes.readUInt32BE(30) === world.underlayAddress &&
    bytes.readUInt16BE(36) === world.settings.port
  );
}

function isOurTunnel({ settings }: World, { bytes }: Frame): boolean {
  const flags = bytes.readUInt32BE(42);
  const known = settings.gbp ? (flags & ~POLICY_BITS) >>> 0 : flags;
  return known === 0x0800_0000 && bytes.readUInt32BE(46) === settings.vni * 256;
}

/** Of a frame with all headers. */
function listFlaws(world: World, { bytes, length, gsoSize }: Frame): CounterName[] {
  const [ip, udp, inner] = [16, 38, INNER + 2].map((at) => bytes.readUInt16BE(at)) as [
    number,
    number,
    number,
  ];
  const innerHeader = (bytes.readUInt8(INNER) & 15) * 4;
  return listTrue({
    drop_not_ipv4:
      bytes.readUInt16BE(62) !== ETHERTYPE.ipv4 ||
      bytes.readUInt8(INNER) >>> 4 !== 4 ||
      innerHeader < 20,
    drop_wrong_mac: bytes.compare(world.deviceMac, 0, 6, INNER_ETHERNET, INNER_ETHERNET + 6) !== 0,
    drop_checksum: headerChecksum(bytes, 14) !== 0,
    drop_length:
      gsoSize === 0 &&
      (ip + 14 > length || udp + 20 > ip || inner + 8 + 8 + 14 > udp || inner < innerHeader),
  });
}

/** RFC 6040, figure 4: whether another mark than the inner header's is to go on, or none can. */
function isMarked({ bytes }: Frame): boolean {
  const [outer, inner] = [bytes.readUInt8(15) & 3, bytes.readUInt8(INNER + 1) & 3];
  if (outer === ECN.congested) return inner !== ECN.congested;
  return outer === ECN.capable1 && inner === ECN.capable0;
}

function canCarryMark({ bytes }: Frame): boolean {
  return (bytes.readUInt8(INNER + 1) & 3) !== ECN.notCapable;
}

export function trafficFrom(peer: Peer | undefined, packets: number, bytes: number) {
  if (!peer) throw new Error('a good packet has a sender');
  return { traffic: { peer, way: 'received', packets, bytes } satisfies Traffic };
}

export function judgeReceived(world: World, frame: Frame): Expected {
  const { bytes, length, gsoSize } = frame;
  if (!isPlainTunnel(world, frame)) return judgeDirect(world, frame);
  if (length < 50) return dropFor(['drop_truncated']);
  if (!isOurTunnel(world, frame)) return handOn('other_vni');
  if (length < INNER + 20) return dropFor(['drop_truncated']);
  const { host, isOutside, flaws } = judgeAddresses(world, bytes.readUInt32BE(26), bytes, INNER);
  const all = [...listFlaws(world, frame), ...flaws];
  if (all.length > 0) return dropFor(all);
  if (isMarked(frame) && !canCarryMark(frame)) return dropFor(['drop_congestion']);
  const slow = listTrue({
    slow_receive_congestion: isMarked(frame),
    slow_receive_gso: gsoSize > 0 && bytes[INNER + 9] !== PROTOCOL.tcp,
  });
  if (slow.length > 0) return handOn(...slow);

  const endpoint = world.settings.fastPath
    ? world.endpointAt(bytes.readUInt32BE(INNER + 16))
    : undefined;
  const reasons = endpoint ? listReasons(world, frame, endpoint, isOutside) : [];
  const isGone = reasons[0] === 'host_endpoint_gone';
  const forgets = isGone && endpoint ? { forgets: endpoint } : {};
  // No room is made, which is found out last.
  if (gsoSize > 0) return { ...handOn('slow_receive_room'), alsoCounts: reasons, ...forgets };
  const delivered = reasons.length === 0 ? endpoint : undefined;
  return {
    verdict: 'redirected',
    counters: reasons,
    ...trafficFrom(host, frame.packets, bytes.readUInt16BE(INNER + 2)),
    ...forgets,
    write: (to) => {
      bytes.copy(to, 0, LENGTH.overhead, length);
      if (delivered) rewriteForPod(to, delivered);
      return length - LENGTH.overhead;
    },
  };
}

/** The interface is asked for last, as what is gone is forgotten. */
export function listReasons(
  world: World,
  frame: Frame,
  endpoint: OracleEndpoint,
  isOutside: boolean,
  inner: number = INNER,
) {
  const reasons = [
    ...listTrue({ host_outside: isOutside, host_unknown_mac: endpoint.mac === null }),
    ...listHostReasons(world, frame, inner),
  ];
  if (reasons.length > 0 || endpoint.isThere) return reasons;
  return ['host_endpoint_gone'] satisfies CounterName[];
}

export function rewriteForPod(packet: Buffer, { mac, gatewayMac }: OracleEndpoint): void {
  packet.write(`${mac}${gatewayMac}`.replaceAll(':', ''), 0, 'hex');
  decrementTtl(packet, LENGTH.ethernet);
}

/** What comes without a tunnel: a direct peer's packet to an endpoint is delivered, anything else is the host's. */
export function judgeDirect(world: World, frame: Frame): Expected {
  const { bytes, length, packets } = frame;
  const isForHost = bytes.readUIntBE(0, 6) === 0;
  if (bytes.readUInt16BE(12) !== ETHERTYPE.ipv4 || !isForHost || !world.settings.fastPath)
    return IGNORED;
  const endpoint = world.endpointAt(bytes.readUInt32BE(30));
  if (!endpoint) return IGNORED;
  const peer = world.holderOf(bytes.readUInt32BE(26));
  if (!peer?.direct) return handOn('host_outside');
  const isTooLong = !fits(frame, world.settings.mtu);
  const reasons = listTrue({ host_unknown_mac: endpoint.mac === null, host_size: isTooLong });
  reasons.push(...listHostReasons(world, frame, 14));
  const isAsked = reasons.every((reason) => reason === 'host_size');
  if (isAsked && !endpoint.isThere) return { ...handOn('host_endpoint_gone'), forgets: endpoint };
  if (reasons.length > 0) return handOn(...reasons);
  return {
    verdict: 'redirected',
    counters: [],
    ...trafficFrom(peer, packets, length - 14),
    write: (to) => {
      bytes.copy(to, 0, 0, length);
      rewriteForPod(to, endpoint);
      return length;
    },
  };
}

/** Of what the kernel's device took out of a packet from `tunnelSource`. */
export function judgeChecked(world: World, frame: Frame, tunnelSource: number): Expected {
  const { bytes, length, gsoSize, packets } = frame;
  if (bytes.readUInt16BE(12) !== ETHERTYPE.ipv4) return dropFor(['drop_not_ipv4']);
  const { host, flaws } = judgeAddresses(world, tunnelSource, bytes, 14);
  const header = (bytes.readUInt8(14) & 15) * 4;
  const total = bytes.readUInt16BE(16);
  const all = [
    ...flaws,
    ...listTrue({
      drop_not_ipv4: bytes.readUInt8(14) >>> 4 !== 4 || header < 20,
      drop_length: gsoSize === 0 && (total > length - 14 || total < header),
      drop_wrong_mac: bytes.compare(world.deviceMac, 0, 6, 0, 6) !== 0,
    }),
  ];
  if (all.length > 0) return dropFor(all);
  return { ...handOn('slow_received'), ...trafficFrom(host, packets, length - 14) };
}

/** XDP: what it cannot do, it leaves to vxlan_receive without a word. */
export function judgeStripped(world: World, frame: Frame): Expected {
  const { bytes, length } = frame;
  if (length < INNER + 20 || !isPlainTunnel(world, frame) || !isOurTunnel(world, frame))
    return IGNORED;
  const { host, isOutside, flaws } = judgeAddresses(world, bytes.readUInt32BE(26), bytes, INNER);
  const all = [...listFlaws(world, frame), ...flaws];
  if (all.length > 0) return dropFor(all);
  if (isMarked(frame) || !host) return IGNORED;
  const flags = bytes.readUInt32BE(42);
  const policy = flags >= 0x8000_0000 ? flags & 0x0048_ffff : 0;
  const note = [NOTE_MAGIC, world.slotOf(host), isOutside ? 1 : 0, policy];
  return {
    ...IGNORED,
    write: (to) => {
      // A test run puts the metadata before the frame.
      for (const [at, word] of note.entries()) to.writeUInt32LE(word, 4 * at);
      bytes.copy(to, NOTE_BYTES, LENGTH.overhead, length);
      // To the host itself, whatever the inner frame says.
      bytes.copy(to, NOTE_BYTES, 0, 6);
      return NOTE_BYTES + length - LENGTH.overhead;
    },
  };
}
