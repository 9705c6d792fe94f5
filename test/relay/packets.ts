/** Packets for the relay's tests, and a naive reading of them. */
import fc from 'fast-check';
import { allocate, type Memory } from '../../src/sys/memory.ts';

export interface TcpPacket {
  readonly tos: number;
  readonly id: number;
  readonly dontFragment: boolean;
  readonly ttl: number;
  readonly source: number;
  readonly destination: number;
  readonly ports: number;
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly flags: number;
  readonly window: number;
  /** A multiple of 4 bytes. */
  readonly options: Uint8Array;
  readonly ipOptions: Uint8Array;
  readonly payload: Uint8Array;
}

export const ACK = 0x10;
export const PSH = 0x08;
export const FIN = 0x01;

export const SAMPLE: TcpPacket = {
  tos: 0,
  id: 100,
  dontFragment: true,
  ttl: 63,
  source: 0x0a05_0102,
  destination: 0x0a05_0202,
  ports: 0x1f90_2328,
  sequence: 1000,
  acknowledgement: 2000,
  flags: ACK,
  window: 501,
  options: Uint8Array.from([1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9]),
  ipOptions: new Uint8Array(),
  payload: Uint8Array.from([1, 2, 3, 4, 5]),
};

const word32 = fc.nat({ max: 0xffff_ffff });

const fourfold = (most: number) =>
  fc
    .nat({ max: most })
    .chain((words) => fc.uint8Array({ minLength: words * 4, maxLength: words * 4 }));

export const aTcpPacket: fc.Arbitrary<TcpPacket> = fc.record({
  tos: fc.nat({ max: 255 }),
  id: fc.nat({ max: 0xffff }),
  dontFragment: fc.boolean(),
  ttl: fc.integer({ min: 1, max: 255 }),
  source: word32,
  destination: word32,
  ports: word32,
  sequence: word32,
  acknowledgement: word32,
  flags: fc.constantFrom(ACK, ACK | PSH, ACK | FIN, ACK | PSH | FIN),
  window: fc.nat({ max: 0xffff }),
  options: fourfold(10),
  ipOptions: fourfold(10),
  payload: fc.uint8Array({ minLength: 1, maxLength: 6000 }),
});

/** Word by word, as RFC 1071 says it. */
export function naiveSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) {
    sum += ((bytes[at] as number) << 8) | (bytes[at + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

/** The packet's bytes, with both checksums finished. */
export function encode(packet: TcpPacket): Uint8Array {
  const ipLength = 20 + packet.ipOptions.length;
  const tcpLength = 20 + packet.options.length;
  const bytes = Buffer.alloc(ipLength + tcpLength + packet.payload.length);
  bytes[0] = 0x40 | (ipLength / 4);
  bytes[1] = packet.tos;
  bytes.writeUInt16BE(bytes.length, 2);
  bytes.writeUInt16BE(packet.id, 4);
  bytes.writeUInt16BE(packet.dontFragment ? 0x4000 : 0, 6);
  bytes[8] = packet.ttl;
  bytes[9] = 6;
  bytes.writeUInt32BE(packet.source, 12);
  bytes.writeUInt32BE(packet.destination, 16);
  bytes.set(packet.ipOptions, 20);
  bytes.writeUInt16BE(~naiveSum(bytes.subarray(0, ipLength)) & 0xffff, 10);
  const tcp = bytes.subarray(ipLength);
  tcp.writeUInt32BE(packet.ports, 0);
  tcp.writeUInt32BE(packet.sequence, 4);
  tcp.writeUInt32BE(packet.acknowledgement, 8);
  tcp[12] = (tcpLength / 4) << 4;
  tcp[13] = packet.flags;
  tcp.writeUInt16BE(packet.window, 14);
  tcp.set(packet.options, 20);
  tcp.set(packet.payload, tcpLength);
  tcp.writeUInt16BE(~naiveSum(Buffer.concat([pseudoHeader(bytes), tcp])) & 0xffff, 16);
  return bytes;
}

function pseudoHeader(bytes: Buffer): Buffer {
  const header = Buffer.alloc(12);
  bytes.copy(header, 0, 12, 20);
  header[9] = bytes[9] as number;
  header.writeUInt16BE(bytes.length - ((bytes[0] as number) & 15) * 4, 10);
  return header;
}

/** Whether length and both checksums are right. */
export function isValid(packet: Uint8Array): boolean {
  const bytes = Buffer.from(packet);
  const ipLength = ((bytes[0] as number) & 15) * 4;
  if (bytes.readUInt16BE(2) !== bytes.length) return false;
  if (naiveSum(bytes.subarray(0, ipLength)) !== 0xffff) return false;
  return naiveSum(Buffer.concat([pseudoHeader(bytes), bytes.subarray(ipLength)])) === 0xffff;
}

/** A memory with packets in it, each at a multiple of 4. */
export function memoryWith(packets: readonly Uint8Array[]): {
  memory: Memory;
  at: number[];
  used: number;
} {
  const memory = allocate(1 << 20);
  let used = 0;
  const at = packets.map((packet) => {
    const offset = used;
    memory.bytes.set(packet, offset);
    used += (packet.length + 3) & ~3;
    return offset;
  });
  return { memory, at, used };
}
