/** What was counted for each peer, from a generation that numbers its subnets otherwise. */
import { formatPrefix, prefixOf, prefixSize } from '../net/prefix.ts';
import { lookupElement, updateElement } from '../sys/bpf.ts';
import { valueBytes } from './copy_map.ts';
import { openHeritage } from './heritage.ts';
import { fitValues, type OpenMaps } from './open_map.ts';
import { type PeerMaps, readNumbering, readPlaces, readTrie } from './peer_entries.ts';
import type { Pins } from './pins.ts';

/** Does nothing where the other version's maps cannot be read. */
export function copyTraffic(pins: Pins, generation: string, to: OpenMaps): void {
  using from = openHeritage(pins, generation, false);
  const { settings_map, peers, peers_lpm, peer_counters } = from;
  if (!settings_map || !peers || !peers_lpm || !peer_counters) return;
  const before = slotsOf({ settings_map, peers, peers_lpm });
  const [source, target] = [valueBytes(peer_counters), valueBytes(to.peer_counters)];
  const value = Buffer.alloc(source.part * source.parts);
  for (const [subnet, slot] of slotsOf(to)) {
    const old = before.get(subnet);
    if (old === undefined || !lookupElement(peer_counters.fd, keyOf(old), value)) continue;
    updateElement(to.peer_counters.fd, keyOf(slot), fitValues(value, source.part, target.part));
  }
}

/** Where the traffic of every peer is counted, by its subnet. */
function slotsOf(maps: PeerMaps): Map<string, number> {
  const numbering = readNumbering(maps);
  const size = prefixSize(numbering.length);
  return new Map([
    ...readPlaces(maps).places.map(({ place }): [string, number] => [
      formatPrefix(prefixOf(numbering.first + place * size, numbering.length)),
      place,
    ]),
    ...readTrie(maps).map(({ subnet, peer }): [string, number] => [subnet, peer.slot]),
  ]);
}

function keyOf(slot: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(slot);
  return key;
}
