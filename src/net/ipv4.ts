import { TartanError } from '../errors.ts';

/** The highest IPv4 address, 255.255.255.255. */
export const MAX_IPV4 = 0xffff_ffff;

/** Four decimal octets without leading zeros: `010` would be octal to some readers and decimal to others. */
const OCTET = '(0|[1-9][0-9]{0,2})';
const DOTTED_QUAD = new RegExp(`^${OCTET}\\.${OCTET}\\.${OCTET}\\.${OCTET}$`);

function readIpv4(text: string): number | null {
  const octets = DOTTED_QUAD.exec(text)?.slice(1).map(Number);
  if (!octets?.every((octet) => octet <= 255)) return null;
  return octets.reduce((address, octet) => address * 256 + octet, 0);
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
