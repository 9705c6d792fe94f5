/** IPv4 packets in memory: where the fields lie (RFC 791, RFC 9293), and what a hop does to them. */
import type { Memory } from '../sys/memory.ts';
import { fold, sumOf } from './checksum.ts';

export const IPV4_HEADER = 20;
export const TCP_HEADER = 20;

export const PROTOCOL_ICMP = 1;
export const PROTOCOL_TCP = 6;

/** Offsets in the IPv4 header. */
export const IP = {
  tos: 1,
  length: 2,
  id: 4,
  fragment: 6,
  ttl: 8,
  protocol: 9,
  checksum: 10,
  source: 12,
  destination: 16,
} as const;

/** Offsets in the TCP header. */
export const TCP = {
  sequence: 4,
  acknowledgement: 8,
  dataOffset: 12,
  flags: 13,
  window: 14,
  checksum: 16,
} as const;

export const TCP_FIN = 0x01;
export const TCP_PSH = 0x08;
export const TCP_ACK = 0x10;

export const DONT_FRAGMENT = 0x4000;
const FRAGMENT_BITS = 0x3fff;

/**
 * The length of the IPv4 packet that begins at an offset, of which `available` bytes are there.
 * @returns 0: it is no whole IPv4 packet
 */
export function packetLength({ bytes, view }: Memory, at: number, available: number): number {
  if (available < IPV4_HEADER || (bytes[at] as number) >> 4 !== 4) return 0;
  const header = headerLength(bytes, at);
  const length = view.getUint16(at + IP.length);
  return header < IPV4_HEADER || header > length || length > available ? 0 : length;
}

/** Of the IPv4 header, with its options. */
export function headerLength(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) & 15) * 4;
}

/** Of the TCP header, with its options. */
export function tcpHeaderLength(bytes: Uint8Array, tcp: number): number {
  return ((bytes[tcp + TCP.dataOffset] as number) >> 4) * 4;
}

export function isFragment(view: DataView, at: number): boolean {
  return (view.getUint16(at + IP.fragment) & FRAGMENT_BITS) !== 0;
}

/** Takes one hop; false: there is none left, and nothing has changed. */
export function takeHop({ bytes, view }: Memory, at: number): boolean {
  const ttl = bytes[at + IP.ttl] as number;
  if (ttl <= 1) return false;
  bytes[at + IP.ttl] = ttl - 1;
  // The word that holds the TTL falls by 0x100, so the checksum rises by as much (RFC 1624).
  const checksum = view.getUint16(at + IP.checksum) + 0x100;
  view.setUint16(at + IP.checksum, fold(checksum));
  return true;
}

/** Whether the header's checksum is right. */
export function isHeaderIntact(memory: Memory, at: number): boolean {
  return sumOf(memory, at, headerLength(memory.bytes, at)) === 0xffff;
}

/** Writes the header's checksum. */
export function sealHeader(memory: Memory, at: number): void {
  memory.view.setUint16(at + IP.checksum, 0);
  const sum = sumOf(memory, at, headerLength(memory.bytes, at));
  memory.view.setUint16(at + IP.checksum, ~sum & 0xffff);
}

/**
 * The folded sum of the pseudo header that TCP and UDP checksums cover.
 * @param length of the TCP or UDP part
 */
export function pseudoSum(memory: Memory, at: number, length: number): number {
  const protocol = memory.bytes[at + IP.protocol] as number;
  return fold(sumOf(memory, at + IP.source, 8) + protocol + length);
}
