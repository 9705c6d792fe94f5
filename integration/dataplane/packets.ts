/** IPv4 packets built by hand: what a peer, a stranger or an attacker may send. Ports are numbers. */
import { parseIpv4 } from '../../src/net/ipv4.ts';

export const ICMP = 1;
export const UDP = 17;
const IPV4_HEADER = 20;
const MORE_FRAGMENTS = 0x2000;

/** RFC 3168, the two low bits of the TOS octet. */
export const ECN = { notCapable: 0, capable1: 1, capable: 2, congested: 3 } as const;

export type Ecn = (typeof ECN)[keyof typeof ECN];

export interface Ipv4Fields {
  readonly source: string;
  readonly destination: string;
  readonly protocol?: number;
  readonly tos?: number;
  readonly id?: number;
  /** A multiple of 4 bytes. */
  readonly options?: Buffer;
  readonly payload: Buffer;
}

/** An IPv4 packet (RFC 791) with its checksum. */
export function ipv4(fields: Ipv4Fields): Buffer {
  const { source, destination, protocol = UDP, tos = 0, id = 0, payload } = fields;
  const options = fields.options ?? Buffer.alloc(0);
  const header = Buffer.alloc(IPV4_HEADER + options.length);
  header[0] = 0x40 | (header.length / 4);
  header[1] = tos;
  header.writeUInt16BE(header.length + payload.length, 2);
  header.writeUInt16BE(id, 4);
  header[8] = 64;
  header[9] = protocol;
  header.writeUInt32BE(parseIpv4(source), 12);
  header.writeUInt32BE(parseIpv4(destination), 16);
  options.copy(header, IPV4_HEADER);
  writeChecksum(header);
  return Buffer.concat([header, payload]);
}

/** A UDP datagram (RFC 768) without a checksum. */
export function udp(sourcePort: number, destinationPort: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(sourcePort, 0);
  header.writeUInt16BE(destinationPort, 2);
  header.writeUInt16BE(header.length + payload.length, 4);
  return Buffer.concat([header, payload]);
}

/** An ICMP echo reply (RFC 792): nobody answers it, and the receiver counts it as `Icmp.InEchoReps`. */
export function echoReply(payload: Buffer): Buffer {
  const message = Buffer.concat([Buffer.alloc(8), payload]);
  message.writeUInt16BE(checksum(message), 2);
  return message;
}

/** An ICMP error (RFC 792) about a packet; `rest` is the header's second word: for type 3, code 4, the MTU (RFC 1191). */
export function icmpError(type: number, code: number, about: Buffer, rest = 0): Buffer {
  const header = Buffer.from([type, code, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(rest, 4);
  const message = Buffer.concat([header, about.subarray(0, IPV4_HEADER + 8)]);
  message.writeUInt16BE(checksum(message), 2);
  return message;
}

/** The packet in two fragments, the first with so many bytes (a multiple of 8) of its payload. */
export function inFragments(packet: Buffer, firstBytes: number): Buffer[] {
  const headerLength = ((packet[0] ?? 0) & 15) * 4;
  const piece = (from: number, to: number, flags: number) => {
    const part = Buffer.concat([packet.subarray(0, headerLength), packet.subarray(from, to)]);
    part.writeUInt16BE(part.length, 2);
    part.writeUInt16BE(flags | ((from - headerLength) / 8), 6);
    writeChecksum(part.subarray(0, headerLength));
    return part;
  };
  const cut = headerLength + firstBytes;
  return [piece(headerLength, cut, MORE_FRAGMENTS), piece(cut, packet.length, 0)];
}

function writeChecksum(header: Buffer): void {
  header.writeUInt16BE(0, 10);
  header.writeUInt16BE(checksum(header), 10);
}

/** RFC 1071, of an even number of bytes. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
