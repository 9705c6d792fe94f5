/** Peers without a place in the programs' peer array: their leases have another length, or lie outside its range. */
import { type Prefix, parsePrefix, prefixSize } from '../net/prefix.ts';
import type { Dataplane, Peer } from './dataplane.ts';
import { LEAST_IRREGULAR_PLACES } from './generations.ts';

/** Counted once for each table of peers, which is asked about many times. */
const counts = new WeakMap<Dataplane['peers'], number>();

/** Places for them all, a power of two: so that not each new one takes a new map. */
export function irregularPlaces({
  peers,
  settings,
}: Pick<Dataplane, 'peers' | 'settings'>): number {
  const count = counts.get(peers) ?? countIrregular(peers, settings);
  counts.set(peers, count);
  let places = LEAST_IRREGULAR_PLACES;
  while (places < count) places *= 2;
  return places;
}

function countIrregular(
  peers: Dataplane['peers'],
  { firstSubnet, subnetCount }: Dataplane['settings'],
): number {
  const first = parsePrefix(firstSubnet);
  const end = first.address + subnetCount * prefixSize(first.length);
  let count = 0;
  for (const peer of peers.values()) {
    const { address, length } = prefixOfPeer(peer);
    if (length !== first.length || address < first.address || address >= end) count += 1;
  }
  return count;
}

/** Of a table that has changed, most peers are those of the one before. */
const prefixes = new WeakMap<Peer, Prefix>();

function prefixOfPeer(peer: Peer): Prefix {
  const known = prefixes.get(peer);
  if (known !== undefined) return known;
  const prefix = parsePrefix(peer.subnet);
  prefixes.set(peer, prefix);
  return prefix;
}
