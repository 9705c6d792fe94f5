/** What a host that means no good might send: a UDP packet in flannel's udp, with anything in it wrong. */
import { readIpv4 } from '../../src/net/ipv4.ts';

const PORT = 8285;

export interface Encapsulated {
  readonly outerSource: string;
  readonly outerDestination: string;
  readonly innerSource: string;
  readonly innerDestination: string;
  readonly innerTtl?: number;
  readonly innerVersion?: number;
  readonly innerHeaderWords?: number;
  /** What the header says; default: what it is. */
  readonly innerLength?: number;
  /** Instead of all that. */
  readonly inner?: Buffer;
}

/** The IPv4 packet with the outer headers; UDP checksums are left out. */
export function encapsulated(packet: Encapsulated): Buffer {
  const { outerSource, outerDestination, inner = innerPacket(packet) } = packet;
  return ipv4(outerSource, outerDestination, 64, udp(PORT, PORT, inner));
}

function innerPacket(packet: Encapsulated): Buffer {
  const payload = udp(5555, 4444, Buffer.from('hello'));
  const { innerSource, innerDestination, innerTtl = 64 } = packet;
  const bytes = ipv4(innerSource, innerDestination, innerTtl, payload);
  const { innerVersion = 4, innerHeaderWords = 5, innerLength = bytes.length } = packet;
  bytes[0] = (innerVersion << 4) | innerHeaderWords;
  bytes.writeUInt16BE(innerLength, 2);
  return seal(bytes);
}

function udp(from: number, to: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(from, 0);
  header.writeUInt16BE(to, 2);
  header.writeUInt16BE(8 + payload.length, 4);
  return Buffer.concat([header, payload]);
}

function ipv4(source: string, destination: string, ttl: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  header.writeUInt16BE(20 + payload.length, 2);
  header[8] = ttl;
  header[9] = 17;
  header.writeUInt32BE(readIpv4(source) ?? 0, 12);
  header.writeUInt32BE(readIpv4(destination) ?? 0, 16);
  return seal(Buffer.concat([header, payload]));
}

/** Writes the header's checksum, for a header of 20 bytes. */
function seal(bytes: Buffer): Buffer {
  bytes.writeUInt16BE(0, 10);
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  bytes.writeUInt16BE(~sum & 0xffff, 10);
  return bytes;
}
