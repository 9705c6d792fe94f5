import type { LeaseAttributes } from '../../src/lease/lease.ts';
import type { Prefix } from '../../src/net/prefix.ts';

/** The /24 number `index` of 10.0.0.0/8: 1 is 10.0.1.0/24. */
export function subnet(index: number): Prefix {
  return { family: 'ipv4', address: 0x0a00_0000 + index * 256, length: 24 };
}

export function vxlanAttributes(index: number): LeaseAttributes {
  const octets = `${Math.floor(index / 250)}.${(index % 250) + 1}`;
  const mac = index.toString(16).padStart(4, '0');
  return {
    publicIp: `192.168.${octets}`,
    publicIpv6: null,
    backendType: 'vxlan',
    vxlan: { vni: 1, vtepMac: `c6:d2:32:6f:${mac.slice(0, 2)}:${mac.slice(2)}` },
  };
}

export const DAY_SECONDS = 86_400;

/** Numbers from 0 to below 1, the same ones for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
