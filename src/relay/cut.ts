/**
 * Cuts a TCP packet of up to 64 KB, as a TUN with segmentation offload gives it, into the packets that it stands for:
 * what a network card does, with every checksum finished.
 */
import type { Memory } from '../sys/memory.ts';
import { fold, sumOf } from './checksum.ts';
import {
  headerLength,
  IP,
  pseudoSum,
  sealHeader,
  TCP,
  TCP_FIN,
  TCP_HEADER,
  TCP_PSH,
  tcpHeaderLength,
} from './packet.ts';

/** A packet in two pieces of one memory: its headers and its payload. */
export type TakeSegment = (
  header: number,
  headerLength: number,
  payload: number,
  payloadLength: number,
) => void;

export interface LargePacket {
  /** Of the IPv4 header, and of the whole packet. */
  readonly at: number;
  readonly length: number;
  /** Payload bytes a segment. */
  readonly segmentBytes: number;
}

/**
 * Hands on each segment in order. Their payloads stay where they are; `newHeader` says where there is room for so many
 * bytes of headers (a multiple of 4), which must keep until the segment has been used.
 * @returns false: it is no TCP packet that can be cut
 */
export function cutTcp(
  memory: Memory,
  { at, length, segmentBytes }: LargePacket,
  newHeader: (bytes: number) => number,
  take: TakeSegment,
): boolean {
  const { bytes, view } = memory;
  const ipLength = headerLength(bytes, at);
  const tcp = at + ipLength;
  if (segmentBytes === 0 || length < ipLength + TCP_HEADER) return false;
  const tcpLength = tcpHeaderLength(bytes, tcp);
  const headers = ipLength + tcpLength;
  if (tcpLength < TCP_HEADER || headers > length) return false;

  const end = at + length;
  const id = view.getUint16(at + IP.id);
  const sequence = view.getUint32(tcp + TCP.sequence);
  const flags = bytes[tcp + TCP.flags] as number;
  const common = sumOfWhatStays(memory, at, tcp, tcpLength);

  let number = 0;
  for (let payload = at + headers; payload < end || number === 0; payload += segmentBytes) {
    const size = Math.min(segmentBytes, end - payload);
    const header = newHeader(headers);
    bytes.copyWithin(header, at, at + headers);
    view.setUint16(header + IP.length, headers + size);
    view.setUint16(header + IP.id, id + number);
    sealHeader(memory, header);

    const segment = header + ipLength;
    const position = sequence + number * segmentBytes;
    const isLast = payload + size === end;
    const segmentFlags = isLast ? flags : flags & ~(TCP_FIN | TCP_PSH);
    view.setUint32(segment + TCP.sequence, position);
    bytes[segment + TCP.flags] = segmentFlags;
    const sum =
      common +
      (position % 0x1_0000) +
      (Math.floor(position / 0x1_0000) & 0xffff) +
      segmentFlags +
      tcpLength +
      size +
      sumOf(memory, payload, size);
    view.setUint16(segment + TCP.checksum, ~fold(sum) & 0xffff);
    take(header, headers, payload, size);
    number++;
  }
  return true;
}

/** Pseudo header and TCP header without length, sequence number, flags and checksum. */
function sumOfWhatStays(memory: Memory, at: number, tcp: number, tcpLength: number): number {
  const flags = memory.bytes[tcp + TCP.flags] as number;
  return (
    pseudoSum(memory, at, 0) +
    sumOf(memory, tcp, TCP.sequence) +
    sumOf(memory, tcp + TCP.acknowledgement, TCP.checksum - TCP.acknowledgement) -
    flags +
    sumOf(memory, tcp + TCP.checksum + 2, tcpLength - TCP.checksum - 2)
  );
}

/**
 * Finishes a checksum that the kernel has left to the network card: it covers the packet from `start`, and stands
 * `offset` bytes behind that, where the pseudo header's sum is now.
 * @returns false: it lies outside the packet
 */
export function finishChecksum(
  memory: Memory,
  { at, length, start, offset }: { at: number; length: number; start: number; offset: number },
): boolean {
  if (start + offset + 2 > length) return false;
  const sum = sumOf(memory, at + start, length - start);
  // 0 would mean, for UDP, that there is none (RFC 768).
  memory.view.setUint16(at + start + offset, ~sum & 0xffff || 0xffff);
  return true;
}
