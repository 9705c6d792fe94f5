/** Random packets: random bytes, and good packets with something wrong. */
import fc from 'fast-check';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import { ETHERTYPE, internetChecksum } from './packets.ts';
import { IRREGULAR, REGULAR, SETTINGS } from './scene.ts';

/** What BPF_PROG_TEST_RUN takes at least. */
const SHORTEST = 34;

/** Offsets of addresses: of the outer header or the one sent, and of the inner one. */
const ADDRESS_OFFSETS = [26, 30, 76, 80];
/** Offsets of lengths: outer IP, UDP, inner IP. */
const LENGTH_OFFSETS = [16, 38, 66];

const peers = [...REGULAR, ...IRREGULAR];

const addresses = [
  SETTINGS.underlayAddress,
  ...peers.map(({ publicIp }) => publicIp),
  ...['0.0.0.0', '10.5.30.1', '10.5.17.1', '10.4.255.255', '10.6.0.0', '192.0.2.250'],
].map(parseIpv4);

/** An address in a subnet that somebody holds, or right beside it. */
const nearLease = fc
  .tuple(fc.constantFrom(...peers), fc.integer({ min: -1, max: 256 }))
  .map(([{ subnet }, at]) => (parsePrefix(subnet).address + at) >>> 0);

type Mutation = (packet: Buffer) => Buffer;

/** Writes a number where the packet has room for it. */
function write(offset: number, size: 1 | 2 | 4, value: number): Mutation {
  return (packet) => {
    if (offset + size <= packet.length) packet.writeUIntBE(value, offset, size);
    return packet;
  };
}

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.nat({ max: 120 }), fc.nat({ max: 255 }))
      .map(([offset, value]) => write(offset, 1, value)),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(fc.nat({ max: 90 }), fc.nat({ max: 7 })).map(
      ([offset, bit]): Mutation =>
        (packet) => {
          if (offset < packet.length) packet[offset] = (packet[offset] ?? 0) ^ (1 << bit);
          return packet;
        },
    ),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        fc.constantFrom(...ADDRESS_OFFSETS),
        fc.oneof(fc.constantFrom(...addresses), nearLease),
      )
      .map(([offset, value]) => write(offset, 4, value)),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        fc.constantFrom(...LENGTH_OFFSETS),
        fc.oneof(fc.nat({ max: 200 }), fc.nat({ max: 0xffff })),
      )
      .map(([offset, value]) => write(offset, 2, value)),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(15, 65)
      .chain((offset) => fc.nat({ max: 255 }).map((value) => write(offset, 1, value))),
  },
  {
    weight: 1,
    arbitrary: fc.nat({ max: 160 }).map(
      (length): Mutation =>
        (packet) => {
          return packet.subarray(0, Math.max(SHORTEST, length));
        },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.nat({ max: 64 }).map(
      (length): Mutation =>
        (packet) => {
          return Buffer.concat([packet, Buffer.alloc(length, 0x5a)]);
        },
    ),
  },
);

/** Most of them with a right outer checksum: else all but the first flaws would hide behind it. */
function mutated(bases: readonly Buffer[]): fc.Arbitrary<Buffer> {
  return fc
    .tuple(
      fc.constantFrom(...bases),
      fc.array(mutation, { maxLength: 4 }),
      fc.integer({ min: 0, max: 7 }),
    )
    .map(([base, mutations, chance]) => {
      const packet = mutations.reduce<Buffer>(
        (before, mutate) => mutate(before),
        Buffer.from(base),
      );
      if (chance === 0) return packet;
      packet.writeUInt16BE(0, 24);
      packet.writeUInt16BE(internetChecksum(packet.subarray(14, 34)), 24);
      return packet;
    });
}

const randomBytes: fc.Arbitrary<Buffer> = fc
  .tuple(fc.uint8Array({ minLength: SHORTEST, maxLength: 200 }), fc.boolean())
  .map(([bytes, isIpv4]) => {
    const packet = Buffer.from(bytes);
    if (isIpv4) packet.writeUInt16BE(ETHERTYPE.ipv4, 12);
    return packet;
  });

export function anyPacket(bases: readonly Buffer[]): fc.Arbitrary<Buffer> {
  return fc.oneof({ weight: 9, arbitrary: mutated(bases) }, { weight: 1, arbitrary: randomBytes });
}
