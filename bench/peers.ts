import type { Host } from '../lab/host.ts';
import { openMaps } from '../src/bpf/generation.ts';
import { listGenerations, pinsOf } from '../src/bpf/pins.ts';
import type { Peer } from '../src/plan/dataplane.ts';

/** A network with room for 65,536 hosts. */
export const WIDE_CONFIG = {
  Network: '10.0.0.0/8',
  SubnetLen: 24,
  Backend: { Type: 'vxlan' },
} as const;

/**
 * Hosts that are not there, each with a PublicIP and a MAC of its own: from 10.1.0.0/24 on, behind the first hundred
 * subnets, of which those that are there get theirs.
 */
export function peer(number: number): Peer {
  const [high, low] = [number >> 8, number & 255];
  const hex = (byte: number) => byte.toString(16).padStart(2, '0');
  return {
    subnet: `10.${1 + high}.${low}.0/24`,
    publicIp: `172.16.${high}.${low}`,
    mac: `02:00:00:00:${hex(high)}:${hex(low)}`,
  };
}

export function manyPeers(count: number): Peer[] {
  return Array.from({ length: count }, (_, i) => peer(i));
}

/** The maps of a host that has joined. */
export function mapsOf(host: Host) {
  const pins = pinsOf(host.bpffs, 'default');
  const [generation] = listGenerations(pins);
  if (generation === undefined) throw new Error(`nothing is pinned under ${pins.root}`);
  return openMaps(pins, generation);
}
