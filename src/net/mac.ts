import { randomBytes } from 'node:crypto';
import { TartanError } from '../errors.ts';

/** `c6:d2:32:6f:8f:44`, `C6-D2-32-6F-8F-44` or `c6d2.326f.8f44`: the spellings of 48 bits that Go's net.ParseMAC takes. */
const SPELLINGS = [
  /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i,
  /^[0-9a-f]{2}(-[0-9a-f]{2}){5}$/i,
  /^[0-9a-f]{4}(\.[0-9a-f]{4}){2}$/i,
];

const NORMAL = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;

/** Whether the text is a 48-bit MAC address in a spelling that {@link normalizeMac} accepts. */
export function isMac(text: string): boolean {
  return SPELLINGS.some((spelling) => spelling.test(text));
}

/**
 * The MAC address in lower case with colons, as the kernel prints it.
 * @throws TartanError `USAGE`
 */
export function normalizeMac(text: string): string {
  // A network's worth of leases passes through here, and flannel writes them so.
  if (NORMAL.test(text)) return text;
  if (!isMac(text)) {
    throw new TartanError(
      'USAGE',
      `"${text}" is not a MAC address`,
      'Give six pairs of hexadecimal digits with colons between them, such as c6:d2:32:6f:8f:44.',
    );
  }
  return formatMac(parseMac(text));
}

/** A random MAC address, marked as locally administered and unicast (IEEE 802, the first octet's low two bits). */
export function randomMac(random: (bytes: number) => Uint8Array = randomBytes): string {
  const [first = 0, ...rest] = random(6);
  return formatMac([(first & 0xfc) | 0x02, ...rest]);
}

/** The six octets of a MAC address that {@link isMac} accepts. */
export function parseMac(text: string): Uint8Array {
  const octets = new Uint8Array(6);
  writeMac(text, octets, 0);
  return octets;
}

/** Writes the six octets of a MAC address that {@link isMac} accepts to a place among others. */
export function writeMac(text: string, into: Uint8Array, at: number): void {
  const digits = text.length === 17 ? DIGITS_OF_PAIRS : DIGITS_OF_FOURS;
  for (let octet = 0; octet < 6; octet += 1) into[at + octet] = octetAt(text, digits[octet] ?? 0);
}

/** Where each octet begins, in six pairs and in three fours of digits. */
const DIGITS_OF_PAIRS = [0, 3, 6, 9, 12, 15] as const;
const DIGITS_OF_FOURS = [0, 2, 5, 7, 10, 12] as const;

/** Two hexadecimal digits: of a letter, the low four bits are 9 less than its value. */
function octetAt(text: string, at: number): number {
  return (digitOf(text.charCodeAt(at)) << 4) | digitOf(text.charCodeAt(at + 1));
}

function digitOf(code: number): number {
  return (code & 15) + (code > 57 ? 9 : 0);
}

/** Six octets in lower case with colons between them. */
export function formatMac(octets: Iterable<number>): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join(':');
}
