/** Tells a sender that nobody holds the address it sends to: ICMP host unreachable (RFC 792). */
import type { Memory } from '../sys/memory.ts';
import { sumOf } from './checksum.ts';
import { headerLength, IP, IPV4_HEADER, isFragment, PROTOCOL_ICMP, sealHeader } from './packet.ts';

const ICMP_HEADER = 8;
const UNREACHABLE = 3;
const HOST_UNREACHABLE = 1;
const ECHO = 8;
const TIMESTAMP = 13;
/** Internetwork control (RFC 1812, 4.3.2.5). */
const TOS = 0xc0;
const TTL = 64;
/** Of the payload, besides the whole header. */
const QUOTED_BYTES = 8;

/** The longest answer. */
export const ANSWER_BYTES = IPV4_HEADER + ICMP_HEADER + 60 + QUOTED_BYTES;

/**
 * Writes the answer to a packet.
 * @param into has `ANSWER_BYTES` at its beginning
 * @returns its length; 0: it deserves none (RFC 1122, 3.2.2)
 */
export function answerUnreachable(
  memory: Memory,
  at: number,
  length: number,
  into: Memory,
): number {
  const { bytes, view } = memory;
  if (!deservesAnswer(memory, at, length)) return 0;
  const quoted = Math.min(length, headerLength(bytes, at) + QUOTED_BYTES);
  const size = IPV4_HEADER + ICMP_HEADER + quoted;
  into.bytes.fill(0, 0, IPV4_HEADER + ICMP_HEADER);
  into.bytes.set(bytes.subarray(at, at + quoted), IPV4_HEADER + ICMP_HEADER);
  into.bytes[0] = 0x45;
  into.bytes[IP.tos] = TOS;
  into.bytes[IP.ttl] = TTL;
  into.bytes[IP.protocol] = PROTOCOL_ICMP;
  into.view.setUint16(IP.length, size);
  // The host takes nothing that comes in with an address of its own: it comes from the one that is not there.
  into.view.setUint32(IP.source, view.getUint32(at + IP.destination));
  into.view.setUint32(IP.destination, view.getUint32(at + IP.source));
  sealHeader(into, 0);
  into.bytes[IPV4_HEADER] = UNREACHABLE;
  into.bytes[IPV4_HEADER + 1] = HOST_UNREACHABLE;
  const sum = sumOf(into, IPV4_HEADER, ICMP_HEADER + quoted);
  into.view.setUint16(IPV4_HEADER + 2, ~sum & 0xffff);
  return size;
}

function deservesAnswer({ bytes, view }: Memory, at: number, length: number): boolean {
  const source = view.getUint32(at + IP.source);
  const isSingle = (address: number) =>
    address !== 0 && address >>> 24 !== 127 && address < 0xe000_0000;
  if (!isSingle(source) || !isSingle(view.getUint32(at + IP.destination))) return false;
  if (isFragment(view, at) && (view.getUint16(at + IP.fragment) & 0x1fff) !== 0) return false;
  if (bytes[at + IP.protocol] !== PROTOCOL_ICMP) return true;
  const header = headerLength(bytes, at);
  return length > header && [ECHO, TIMESTAMP].includes(bytes[at + header] as number);
}
