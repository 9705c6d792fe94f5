/**
 * Merges packets of a TCP stream that follow each other into one, as a network card with receive offload does, so that
 * the kernel is handed up to 64 KB at once. Whatever cannot be undone by cutting is not merged.
 */
import type { Memory } from '../sys/memory.ts';
import { fold, sumOf } from './checksum.ts';
import {
  DONT_FRAGMENT,
  headerLength,
  IP,
  IPV4_HEADER,
  isFragment,
  isHeaderIntact,
  PROTOCOL_TCP,
  pseudoSum,
  sealHeader,
  TCP,
  TCP_ACK,
  TCP_HEADER,
  TCP_PSH,
  tcpHeaderLength,
} from './packet.ts';

/** The longest IPv4 packet. */
const MOST_BYTES = 65_535;
/** What one write to the TUN takes, less the header before the packet. */
const MOST_SEGMENTS = 1000;
const MOST_PACKETS = 4096;

/** Flows are found by a hash of their addresses; of two with the same hash, the later one is looked for. */
const BUCKETS = 256;
const NONE = -1;

/** Takes the packets that come out. */
export interface PacketSink {
  /** `pieces` pieces follow; they are several segments if `segmentBytes` is not 0, each with so much payload. */
  begin(segmentBytes: number, headerBytes: number): void;
  piece(offset: number, length: number): void;
  end(): void;
}

export interface Merger {
  /** Takes a packet; it stays where it is, and must keep until `flush`. */
  add(at: number, length: number): void;
  readonly isFull: boolean;
  /** Hands on all packets, in the order of their first segments: within a flow, the order in which they came. */
  flush(sink: PacketSink): void;
}

/** What is known of a packet that is being put together; all of them in arrays, for there are millions a second. */
const FIELDS = ['at', 'length', 'headers', 'payload', 'next', 'total', 'segments', 'tail'] as const;

/** Merges packets that lie in one memory. */
export function mergerOf(memory: Memory): Merger {
  const { bytes, view } = memory;
  const [at, lengths, headers, payload, next, total, segments, tail] = FIELDS.map(
    () => new Float64Array(MOST_PACKETS),
  ) as [F, F, F, F, F, F, F, F];
  /** Whether a packet can still grow, and whether its first segment's checksums have been looked at. */
  const isOpen = new Uint8Array(MOST_PACKETS);
  const isChecked = new Uint8Array(MOST_PACKETS);
  /** The payloads behind a packet's first, as lists: offset, length and the next one's number. */
  const pieceAt = new Uint32Array(MOST_PACKETS);
  const pieceLength = new Uint32Array(MOST_PACKETS);
  const pieceNext = new Int32Array(MOST_PACKETS);
  const head = new Int32Array(MOST_PACKETS);
  const buckets = new Int32Array(BUCKETS).fill(NONE);
  let count = 0;
  let pieces = 0;

  function add(packet: number, length: number): void {
    if (!isTcp(memory, packet, length)) {
      begin(packet, length, 0);
      return;
    }
    const bucket = bucketOf(view, packet);
    const train = buckets[bucket] as number;
    if (train !== NONE && isSameFlow(view, at[train] as number, packet)) {
      if (append(train, packet, length)) return;
      isOpen[train] = 0;
    }
    buckets[bucket] = count;
    const tcp = packet + IPV4_HEADER;
    begin(packet, length, IPV4_HEADER + tcpHeaderLength(bytes, tcp));
  }

  function begin(packet: number, length: number, headerBytes: number): void {
    const size = headerBytes === 0 ? 0 : length - headerBytes;
    at[count] = packet;
    lengths[count] = length;
    headers[count] = headerBytes;
    payload[count] = size;
    total[count] = length;
    segments[count] = 1;
    head[count] = NONE;
    isChecked[count] = 0;
    isOpen[count] = size > 0 && bytes[packet + IPV4_HEADER + TCP.flags] === TCP_ACK ? 1 : 0;
    if (size > 0) next[count] = (sequenceOf(view, packet) + size) >>> 0;
    count++;
  }

  /** Whether the packet has become the end of the one that is being put together. */
  function append(train: number, packet: number, length: number): boolean {
    const first = at[train] as number;
    const headerBytes = headers[train] as number;
    const size = length - headerBytes;
    if (isOpen[train] === 0 || size <= 0 || size > (payload[train] as number)) return false;
    if ((total[train] as number) + size > MOST_BYTES) return false;
    if (segments[train] === MOST_SEGMENTS) return false;
    if (sequenceOf(view, packet) !== next[train]) return false;
    if (!isAlike(memory, first, packet, segments[train] as number, headerBytes)) return false;
    if (isChecked[train] === 0) {
      isChecked[train] = 1;
      if (!isIntact(memory, first, lengths[train] as number)) return false;
    }
    if (!isIntact(memory, packet, length)) return false;

    pieceAt[pieces] = packet + headerBytes;
    pieceLength[pieces] = size;
    pieceNext[pieces] = NONE;
    if (head[train] === NONE) head[train] = pieces;
    else pieceNext[tail[train] as number] = pieces;
    tail[train] = pieces++;
    total[train] = (total[train] as number) + size;
    segments[train] = (segments[train] as number) + 1;
    next[train] = ((next[train] as number) + size) >>> 0;
    const flags = bytes[packet + IPV4_HEADER + TCP.flags] as number;
    bytes[first + IPV4_HEADER + TCP.flags] = flags;
    if (size < (payload[train] as number) || flags !== TCP_ACK) isOpen[train] = 0;
    return true;
  }

  function flush(sink: PacketSink): void {
    for (let train = 0; train < count; train++) {
      const first = at[train] as number;
      const isMerged = (segments[train] as number) > 1;
      if (isMerged) writeLength(memory, first, total[train] as number);
      sink.begin(isMerged ? (payload[train] as number) : 0, headers[train] as number);
      sink.piece(first, lengths[train] as number);
      for (let piece = head[train] as number; piece !== NONE; piece = pieceNext[piece] as number) {
        sink.piece(pieceAt[piece] as number, pieceLength[piece] as number);
      }
      sink.end();
    }
    count = 0;
    pieces = 0;
    buckets.fill(NONE);
  }

  return {
    add,
    flush,
    get isFull() {
      return count === MOST_PACKETS || pieces === MOST_PACKETS;
    },
  };
}

type F = Float64Array;

/** Whether it is a TCP packet, whole and without IP options: the others are handed on as they are. */
function isTcp({ bytes, view }: Memory, at: number, length: number): boolean {
  if (bytes[at + IP.protocol] !== PROTOCOL_TCP || headerLength(bytes, at) !== IPV4_HEADER)
    return false;
  if (isFragment(view, at) || length < IPV4_HEADER + TCP_HEADER) return false;
  const header = tcpHeaderLength(bytes, at + IPV4_HEADER);
  return header >= TCP_HEADER && IPV4_HEADER + header <= length;
}

function sequenceOf(view: DataView, at: number): number {
  return view.getUint32(at + IPV4_HEADER + TCP.sequence);
}

/** Addresses and ports lie side by side, as there are no IP options. */
function bucketOf(view: DataView, at: number): number {
  const ports = view.getUint32(at + IPV4_HEADER);
  const mixed = ports ^ view.getUint32(at + IP.source) ^ view.getUint32(at + IP.destination);
  return (mixed ^ (mixed >>> 8) ^ (mixed >>> 16)) & (BUCKETS - 1);
}

function isSameFlow(view: DataView, first: number, at: number): boolean {
  return (
    view.getUint32(first + IPV4_HEADER) === view.getUint32(at + IPV4_HEADER) &&
    view.getUint32(first + IP.source) === view.getUint32(at + IP.source) &&
    view.getUint32(first + IP.destination) === view.getUint32(at + IP.destination)
  );
}

/** Whether the headers differ only in what cutting would make of them again. */
function isAlike(
  { bytes, view }: Memory,
  first: number,
  at: number,
  segments: number,
  headerBytes: number,
): boolean {
  const same = (field: number) => view.getUint16(first + field) === view.getUint16(at + field);
  // Version, header length and TOS; DF; TTL and protocol.
  if (!same(0) || !same(IP.fragment) || !same(IP.ttl)) return false;
  const fragment = view.getUint16(at + IP.fragment);
  // Where packets may not be fragmented, nobody looks at their numbers (RFC 6864).
  const id = (view.getUint16(first + IP.id) + segments) & 0xffff;
  if ((fragment & DONT_FRAGMENT) === 0 && view.getUint16(at + IP.id) !== id) return false;

  const flags = bytes[at + IPV4_HEADER + TCP.flags] as number;
  if ((flags & ~TCP_PSH) !== TCP_ACK) return false;
  if (bytes[first + IPV4_HEADER + TCP.dataOffset] !== bytes[at + IPV4_HEADER + TCP.dataOffset])
    return false;
  const acknowledgement = IPV4_HEADER + TCP.acknowledgement;
  if (!same(acknowledgement) || !same(acknowledgement + 2)) return false;
  if (!same(IPV4_HEADER + TCP.window)) return false;
  for (let option = IPV4_HEADER + TCP.checksum + 2; option < headerBytes; option += 2) {
    if (!same(option)) return false;
  }
  return true;
}

/** Whether both checksums are right: merged, they would be made anew, and hide that they were not. */
function isIntact(memory: Memory, at: number, length: number): boolean {
  if (!isHeaderIntact(memory, at)) return false;
  const size = length - IPV4_HEADER;
  return fold(pseudoSum(memory, at, size) + sumOf(memory, at + IPV4_HEADER, size)) === 0xffff;
}

/** Both headers of the whole: the TCP checksum is left to whoever cuts it, or takes it as it is. */
function writeLength(memory: Memory, at: number, length: number): void {
  memory.view.setUint16(at + IP.length, length);
  sealHeader(memory, at);
  const sum = pseudoSum(memory, at, length - IPV4_HEADER);
  memory.view.setUint16(at + IPV4_HEADER + TCP.checksum, sum);
}
