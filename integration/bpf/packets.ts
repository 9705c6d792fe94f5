/**
 * Packets from the outside in: `ethernet({…}, ipv4({…}, udp({…}, payload)))`. Lengths and checksums are right unless a
 * field says otherwise.
 */
import { parseIpv4 } from '../../src/net/ipv4.ts';
import { parseMac } from '../../src/net/mac.ts';

export const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, ipv6: 0x86dd } as const;
export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17 } as const;

/** RFC 3168, the two low bits of the TOS octet. */
export const ECN = { notCapable: 0, capable1: 1, capable0: 2, congested: 3 } as const;

export const LENGTH = { ethernet: 14, ipv4: 20, udp: 8, vxlan: 8, overhead: 50 } as const;

export interface EthernetFields {
  readonly destination: string;
  readonly source: string;
  readonly type?: number;
}

/** IEEE 802.3, without the frame check sequence. */
export function ethernet(fields: EthernetFields, payload: Buffer): Buffer {
  const header = Buffer.alloc(LENGTH.ethernet);
  header.set(parseMac(fields.destination), 0);
  header.set(parseMac(fields.source), 6);
  header.writeUInt16BE(fields.type ?? ETHERTYPE.ipv4, 12);
  return Buffer.concat([header, payload]);
}

export interface Ipv4Fields {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly tos?: number;
  readonly id?: number;
  /** In bytes, a multiple of 8. */
  readonly fragmentOffset?: number;
  readonly moreFragments?: boolean;
  readonly dontFragment?: boolean;
  readonly ttl?: number;
  /** A multiple of 4 bytes. */
  readonly options?: Buffer;
  readonly version?: number;
  /** The header's length in 32-bit words. */
  readonly headerWords?: number;
  readonly totalLength?: number;
  readonly checksum?: number;
}

/** RFC 791. */
export function ipv4(fields: Ipv4Fields, payload: Buffer): Buffer {
  const options = fields.options ?? Buffer.alloc(0);
  const header = Buffer.alloc(LENGTH.ipv4 + options.length);
  const words = fields.headerWords ?? header.length / 4;
  const flags = (fields.dontFragment ? 0x4000 : 0) | (fields.moreFragments ? 0x2000 : 0);
  header[0] = ((fields.version ?? 4) << 4) | words;
  header[1] = fields.tos ?? 0;
  header.writeUInt16BE(fields.totalLength ?? header.length + payload.length, 2);
  header.writeUInt16BE(fields.id ?? 0, 4);
  header.writeUInt16BE(flags | ((fields.fragmentOffset ?? 0) >>> 3), 6);
  header[8] = fields.ttl ?? 64;
  header[9] = fields.protocol;
  header.writeUInt32BE(parseIpv4(fields.source), 12);
  header.writeUInt32BE(parseIpv4(fields.destination), 16);
  options.copy(header, LENGTH.ipv4);
  header.writeUInt16BE(fields.checksum ?? internetChecksum(header), 10);
  return Buffer.concat([header, payload]);
}

export interface UdpFields {
  readonly source: number;
  readonly destination: number;
  readonly length?: number;
  readonly checksum?: number;
}

/** RFC 768, without a checksum unless one is given. */
export function udp(fields: UdpFields, payload: Buffer): Buffer {
  const header = Buffer.alloc(LENGTH.udp);
  header.writeUInt16BE(fields.source, 0);
  header.writeUInt16BE(fields.destination, 2);
  header.writeUInt16BE(fields.length ?? header.length + payload.length, 4);
  header.writeUInt16BE(fields.checksum ?? 0, 6);
  return Buffer.concat([header, payload]);
}

/** A TCP segment (RFC 9293) with ACK and PSH; its checksum, which no program reads, is zero. */
export function tcp(fields: { source: number; destination: number }, payload: Buffer): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt16BE(fields.source, 0);
  header.writeUInt16BE(fields.destination, 2);
  header.writeUInt32BE(1, 4);
  header.writeUInt32BE(1, 8);
  header[12] = (header.length / 4) << 4;
  header[13] = 0x18;
  header.writeUInt16BE(0xffff, 14);
  return Buffer.concat([header, payload]);
}

/** RFC 792; the second word, which differs from type to type, is zero. */
export function icmp(fields: { type: number; code?: number }, payload: Buffer): Buffer {
  const message = Buffer.concat([Buffer.alloc(8), payload]);
  message[0] = fields.type;
  message[1] = fields.code ?? 0;
  message.writeUInt16BE(internetChecksum(message), 2);
  return message;
}

export interface VxlanFields {
  readonly vni: number;
  readonly flags?: number;
  /** The octet behind the VNI. */
  readonly reserved?: number;
}

/** RFC 7348, section 5. */
export function vxlan(fields: VxlanFields, payload: Buffer): Buffer {
  const header = Buffer.alloc(LENGTH.vxlan);
  header.writeUInt32BE(fields.flags ?? 0x0800_0000, 0);
  header.writeUIntBE(fields.vni, 4, 3);
  header[7] = fields.reserved ?? 0;
  return Buffer.concat([header, payload]);
}

/** The payload `abcd…`, so many bytes of it: bytes that were moved or lost show. */
export function letters(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, at) => 0x61 + (at % 26)));
}

/** RFC 1071; an odd byte at the end counts as the high half of a word. */
export function internetChecksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) {
    sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** The checksum of the 20 bytes from an offset on, wherever they end; for packets by the million. */
export function headerChecksum(packet: Buffer, offset: number): number {
  let sum = 0;
  for (let at = offset; at < offset + LENGTH.ipv4; at += 2) sum += packet.readUInt16BE(at);
  sum = (sum & 0xffff) + (sum >>> 16);
  return ~((sum & 0xffff) + (sum >>> 16)) & 0xffff;
}

/** Whether a header or message that holds its own checksum is unharmed. */
export function hasValidChecksum(bytes: Buffer): boolean {
  return internetChecksum(bytes) === 0;
}

/** A copy with other bytes from an offset on. */
export function withBytes(packet: Buffer, offset: number, bytes: readonly number[]): Buffer {
  const copy = Buffer.from(packet);
  copy.set(bytes, offset);
  return copy;
}
