import { randomBytes } from 'node:crypto';
import { TartanError } from '../errors.ts';

/** `c6:d2:32:6f:8f:44`, `C6-D2-32-6F-8F-44` or `c6d2.326f.8f44`: the spellings of 48 bits that Go's net.ParseMAC takes. */
const SPELLINGS = [
  /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i,
  /^[0-9a-f]{2}(-[0-9a-f]{2}){5}$/i,
  /^[0-9a-f]{4}(\.[0-9a-f]{4}){2}$/i,
];

/** Whether the text is a 48-bit MAC address in a spelling that {@link normalizeMac} accepts. */
export function isMac(text: string): boolean {
  return SPELLINGS.some((spelling) => spelling.test(text));
}

/**
 * The MAC address in lower case with colons, as the kernel prints it.
 * @throws TartanError `USAGE`
 */
export function normalizeMac(text: string): string {
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
  return Buffer.from(text.replaceAll(/[:.-]/g, ''), 'hex');
}

/** Six octets in lower case with colons between them. */
export function formatMac(octets: Iterable<number>): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join(':');
}
