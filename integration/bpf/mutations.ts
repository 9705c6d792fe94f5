/** Random packets: random bytes, and good packets with something wrong. Written into a buffer that is there already. */
import { parseIpv4 } from '../../src/net/ipv4.ts';
import { parseMac } from '../../src/net/mac.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import { ETHERTYPE, headerChecksum } from './packets.ts';
import type { Random } from './random.ts';
import { ENDPOINTS, IRREGULAR, POD_MAC, REGULAR, SETTINGS } from './scene.ts';

/** What BPF_PROG_TEST_RUN takes at least. */
const SHORTEST = 34;
const SHORTEST_IPV6 = 54;
const LONGEST = 1700;

/** Where an IPv4 header begins: the outer one, or that of a packet without; the inner one. */
const HEADERS = [14, 64] as const;
/** Within an IPv4 header. */
const FIELD = { tos: 1, length: 2, fragment: 6, ttl: 8, protocol: 9, source: 12, destination: 16 };
const LENGTH_OFFSETS = HEADERS.map((header) => header + FIELD.length).concat(38);
const ADDRESS_OFFSETS = HEADERS.flatMap((at) => [at + FIELD.source, at + FIELD.destination]);
const MAC_OFFSETS = [0, 6, 50, 56];
const TYPE_OFFSETS = [12, 62];

const PEERS = [...REGULAR, ...IRREGULAR];
const ADDRESSES = [
  SETTINGS.underlayAddress,
  ...PEERS.map(({ publicIp }) => publicIp),
  ...ENDPOINTS.map(({ address }) => address),
  ...['10.5.30.1', '10.5.17.0', '10.5.17.255', '10.4.255.255', '10.6.0.0', '10.5.1.2'],
  ...['0.0.0.0', '0.1.2.3', '127.0.0.1', '224.0.0.1', '240.0.0.1', '255.255.255.255'],
  ...['192.0.2.250', '192.0.17.2', '126.255.255.255', '128.0.0.0', '223.255.255.255'],
].map(parseIpv4);
const SUBNETS = PEERS.map(({ subnet }) => parsePrefix(subnet).address);
const MACS = [SETTINGS.deviceMac, POD_MAC, 'ff:ff:ff:ff:ff:ff', '00:00:00:00:00:00'].map((mac) =>
  Buffer.from(parseMac(mac)),
);
const TYPES = [...Object.values(ETHERTYPE), 0, 46, 0xffff];
/** Of a VXLAN header: no VNI, policies, other extensions. */
const FLAGS = [0, 0x0c00_0000, 0x8800_0001, 0x8848_ffff, 0x8808_0000, 0x0800_0001, 0xffff_ffff];

type Mutation = (random: Random, packet: Buffer, length: number) => number;

function write(packet: Buffer, length: number, offset: number, size: 1 | 2 | 4, value: number) {
  if (offset + size <= length) packet.writeUIntBE(value, offset, size);
  return length;
}

/** An address that means something, or one in a subnet that somebody holds, or right beside it. */
function anAddress(random: Random): number {
  if (random.once(2)) return random.pick(ADDRESSES);
  return (random.pick(SUBNETS) + random.below(258) - 1) >>> 0;
}

const field =
  (offset: number, size: 1 | 2, values?: readonly number[]): Mutation =>
  (random, packet, length) => {
    const value = values && !random.once(4) ? random.pick(values) : random.below(256 ** size);
    return write(packet, length, random.pick(HEADERS) + offset, size, value);
  };

/** Takes bytes out, or puts some in, so that all behind them moves. */
const shift: Mutation = (random, packet, length) => {
  const at = random.below(length);
  const by = random.pick([-8, -4, -1, 1, 4, 8, 40]);
  if (length + by < SHORTEST || length + by > LONGEST || at - Math.min(by, 0) > length)
    return length;
  packet.copyWithin(at + Math.max(by, 0), at - Math.min(by, 0), length);
  return length + by;
};

const MUTATIONS: readonly Mutation[] = [
  (random, packet, length) => write(packet, length, random.below(120), 1, random.below(256)),
  (random, packet, length) => {
    const at = random.below(Math.min(length, 92));
    packet[at] = (packet[at] ?? 0) ^ (1 << random.below(8));
    return length;
  },
  (random, packet, length) =>
    write(packet, length, random.pick(ADDRESS_OFFSETS), 4, anAddress(random)),
  (random, packet, length) =>
    write(packet, length, random.pick(ADDRESS_OFFSETS), 4, anAddress(random)),
  (random, packet, length) =>
    write(
      packet,
      length,
      random.pick(LENGTH_OFFSETS),
      2,
      random.below(random.once(2) ? 200 : 65536),
    ),
  (random, packet, length) => {
    const at = random.pick(LENGTH_OFFSETS);
    const now = at + 2 <= length ? packet.readUInt16BE(at) : 0;
    return write(packet, length, at, 2, (now + random.below(9) - 4) & 0xffff);
  },
  field(FIELD.tos, 1),
  field(FIELD.fragment, 2, [0x2000, 0x4000, 0x8000, 1, 0x1fff]),
  field(FIELD.ttl, 1, [0, 1, 2, 255]),
  field(FIELD.protocol, 1, [1, 6, 17]),
  field(0, 1, [0x44, 0x45, 0x46, 0x4f, 0x55, 0x65]),
  (random, packet, length) => write(packet, length, 42, 4, random.pick(FLAGS)),
  (random, packet, length) =>
    write(packet, length, random.pick(TYPE_OFFSETS), 2, random.pick(TYPES)),
  (random, packet, length) => {
    const at = random.pick(MAC_OFFSETS);
    if (at + 6 <= length) random.pick(MACS).copy(packet, at);
    return length;
  },
  (random, _packet, length) => Math.max(SHORTEST, Math.min(length, random.below(160))),
  (random, packet, length) => {
    const more = random.below(64);
    packet.fill(0x5a, length, length + more);
    return length + more;
  },
  shift,
];

/** Most with a right outer checksum: else all but the first flaws would hide behind it. */
function mutate(random: Random, base: Buffer, packet: Buffer): number {
  let length = base.copy(packet);
  for (let left = random.below(5); left > 0; left -= 1)
    length = random.pick(MUTATIONS)(random, packet, length);
  if (random.once(8)) return length;
  packet.writeUInt16BE(0, 24);
  packet.writeUInt16BE(headerChecksum(packet, 14), 24);
  return length;
}

function fillRandomly(random: Random, packet: Buffer): number {
  const length = SHORTEST + random.below(200);
  for (let at = 0; at < length; at += 1) packet[at] = random.below(256);
  if (random.once(2)) packet.writeUInt16BE(ETHERTYPE.ipv4, 12);
  return length;
}

/** Writes a packet into the buffer and returns its length. */
export function writeRandomPacket(
  random: Random,
  bases: readonly Buffer[],
  packet: Buffer,
): number {
  const length = random.once(20)
    ? fillRandomly(random, packet)
    : mutate(random, random.pick(bases), packet);
  // BPF_PROG_TEST_RUN takes none without its header.
  if (packet.readUInt16BE(12) !== ETHERTYPE.ipv6 || length >= SHORTEST_IPV6) return length;
  packet.fill(0, length, SHORTEST_IPV6);
  return SHORTEST_IPV6;
}
