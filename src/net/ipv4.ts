import { TartanError } from '../errors.ts';

/** The highest IPv4 address, 255.255.255.255. */
export const MAX_IPV4 = 0xffff_ffff;

const DOT = 46;
const ZERO = 48;

/**
 * Reads a strict dotted quad; null: it is none. Four decimal octets without leading zeros: `010` would be octal to some
 * readers and decimal to others. Character by character, because a network's worth of leases passes through here at each
 * change.
 * @param end where it ends, if other text follows
 */
export function readIpv4(text: string, end = text.length): number | null {
  let address = 0;
  let octet = -1;
  let dots = 0;
  for (let at = 0; at < end; at += 1) {
    const code = text.charCodeAt(at);
    if (code === DOT) {
      if (octet === -1 || dots === 3) return null;
      address = address * 256 + octet;
      octet = -1;
      dots += 1;
      continue;
    }
    const digit = code - ZERO;
    if (digit < 0 || digit > 9 || octet === 0) return null;
    octet = octet === -1 ? digit : octet * 10 + digit;
    if (octet > 255) return null;
  }
  return dots === 3 && octet !== -1 ? address * 256 + octet : null;
}

/** Whether the text is an address that {@link parseIpv4} accepts. */
export function isIpv4(text: string): boolean {
  return readIpv4(text) !== null;
}

/**
 * Reads a strict dotted quad.
 * @returns the address as an unsigned 32-bit number, `10.0.0.1` being 0x0a000001
 * @throws TartanError `USAGE`
 */
export function parseIpv4(text: string): number {
  const address = readIpv4(text);
  if (address !== null) return address;
  throw new TartanError(
    'USAGE',
    `"${text}" is not an IPv4 address`,
    'Give four numbers from 0 to 255 with dots between them, such as 192.168.64.3.',
  );
}

/** The dotted quad of an unsigned 32-bit number. */
export function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}
