import { TartanError } from '../errors.ts';
import { formatIpv4, readIpv4 } from './ipv4.ts';

/** An IP network in CIDR form. */
export interface Prefix {
  readonly family: 'ipv4';
  /** The network's address as an unsigned 32-bit number, host bits zero. */
  readonly address: number;
  /** Prefix length in bits, 0 to 32. */
  readonly length: number;
}

const ZERO = 48;

/** The netmask of a prefix length as an unsigned 32-bit number: 24 gives 0xffffff00. */
export function prefixMask(length: number): number {
  // A shift by 32 is a shift by 0, so length 0 cannot take the general way.
  return length === 0 ? 0 : (-1 << (32 - length)) >>> 0;
}

/** How many addresses a prefix of this length holds: 1 for 32, 2 ** 32 for 0. */
export function prefixSize(length: number): number {
  return 2 ** (32 - length);
}

/** The prefix of this length that the address lies in: host bits are masked off. */
export function prefixOf(address: number, length: number): Prefix {
  return { family: 'ipv4', address: (address & prefixMask(length)) >>> 0, length };
}

/** The last address of a prefix. */
export function lastAddress(prefix: Prefix): number {
  return prefix.address + prefixSize(prefix.length) - 1;
}

/**
 * The address that all hosts of a network hear and none of them has (RFC 919); null: a network of two or one (RFC 3021)
 * has none.
 */
export function broadcastOf(network: Prefix): number | null {
  return network.length >= 31 ? null : lastAddress(network);
}

/**
 * Reads `10.5.52.0/24`; host bits are masked off, so `10.5.52.7/24` gives the same.
 * @throws TartanError `USAGE`
 */
export function parsePrefix(text: string): Prefix {
  const slash = text.indexOf('/');
  const address = slash > 0 ? readIpv4(text, slash) : null;
  const length = readLength(text, slash + 1);
  if (address !== null && length !== null) return prefixOf(address, length);
  throw new TartanError(
    'USAGE',
    `"${text}" is not an IPv4 prefix`,
    'Give an address and a length from 0 to 32 with a slash between them, such as 10.5.0.0/16.',
  );
}

/** One or two digits without leading zeros, 0 to 32. By hand, and without a copy, as {@link readIpv4} and for its reason. */
function readLength(text: string, from: number): number | null {
  const first = text.charCodeAt(from) - ZERO;
  const second = text.charCodeAt(from + 1) - ZERO;
  switch (text.length - from) {
    case 1:
      return first >= 0 && first <= 9 ? first : null;
    case 2: {
      const length = 10 * first + second;
      const isNumber = first >= 1 && first <= 9 && second >= 0 && second <= 9;
      return isNumber && length <= 32 ? length : null;
    }
    default:
      return null;
  }
}

/** `10.5.52.0/24`. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatIpv4(prefix.address)}/${prefix.length}`;
}

/** Whether the address lies in the prefix. */
export function prefixContains(prefix: Prefix, address: number): boolean {
  return (address & prefixMask(prefix.length)) >>> 0 === prefix.address;
}

/** Whether the two share an address: prefixes nest or are disjoint, so the wider one holds the other. */
export function prefixesOverlap(a: Prefix, b: Prefix): boolean {
  return a.length <= b.length ? prefixContains(a, b.address) : prefixContains(b, a.address);
}

/** Whether both are the same network. */
export function prefixesEqual(a: Prefix, b: Prefix): boolean {
  return a.address === b.address && a.length === b.length;
}

/**
 * The fewest prefixes that together hold exactly the addresses from `first` to `last`, both included, in ascending
 * order; none if `first` is above `last`.
 */
export function coverRange(first: number, last: number): Prefix[] {
  const cover: Prefix[] = [];
  let next = first;
  while (next <= last) {
    const prefix = prefixOf(next, largestBlock(next, last));
    cover.push(prefix);
    next += prefixSize(prefix.length);
  }
  return cover;
}

/** Length of the largest prefix that begins at `first` and does not go beyond `last`. */
function largestBlock(first: number, last: number): number {
  let length = 32;
  while (length > 0) {
    const size = prefixSize(length - 1);
    if (first % size !== 0 || first + size - 1 > last) break;
    length -= 1;
  }
  return length;
}
