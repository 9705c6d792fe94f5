/** What was counted for each peer, from a generation that numbers its subnets otherwise. */
import { formatPrefix, prefixOf, prefixSize } from '../net/prefix.ts';
import { lookupElement, updateElement } from '../sys/bpf.ts';
import { valueBytes } from './copy_map.ts';
import { openHeritage } from './heritage.ts';
import { fitValues, indexKey, type OpenMaps } from './open_map.ts';
import { type PeerMaps, readNumbering, readPlaces, readTrie } from './peer_entries.ts';
import type { Pins } from './pins.ts';

/** Does nothing where the other version's maps cannot be read. */
export function copyTraffic(pins: Pins, generation: string, to: OpenMaps): void {
  using from = openHeritage(pins, generation, false);
  const { settings_map, peers, peers_lpm, peer_counters } = from;
  if (!settings_map || !peers || !peers_lpm || !peer_counters) return;
  const before = slotsBySubnet({ settings_map, peers, peers_lpm });
  const [source, target] = [valueBytes(peer_counters), valueBytes(to.peer_counters)];
  const value = Buffer.alloc(source.part * source.parts);
  for (const [subnet, slot] of slotsBySubnet(to)) {
    const old = before.get(subnet);
    if (old === undefined || !lookupElement(peer_counters.fd, indexKey(old), value)) continue;
    updateElement(to.peer_counters.fd, indexKey(slot), fitValues(value, source.part, target.part));
  }
}

/** Where the traffic of every peer is counted, by its subnet. */
export function slotsBySubnet(maps: PeerMaps): Map<string, number> {
  const numbering = readNumbering(maps);
  const size = prefixSize(numbering.length);
  const slots = new Map<string, number>();
  for (const { place } of readPlaces(maps)) {
    const subnet = prefixOf(numbering.first + place * size, numbering.length);
    slots.set(formatPrefix(subnet), place);
  }
  for (const { subnet, peer } of readTrie(maps)) slots.set(subnet, peer.slot);
  return slots;
}
