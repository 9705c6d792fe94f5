/** What stands in the peer maps, as it stands there. */
import { formatPrefix, type Prefix, prefixOf, prefixSize } from '../net/prefix.ts';
import { lookupBatch, nextKey } from '../sys/bpf.ts';
import { lpmKeyLayout, peerLayout } from './layouts.gen.ts';
import { fitValues, lookupStruct, type OpenMaps } from './open_map.ts';
import { readSettingsStruct, type SettingsMap } from './settings.ts';
import { decodeStruct, type StructOf } from './struct_codec.ts';

export type PeerStruct = StructOf<typeof peerLayout>;

/** Where peers stand, and what tells their places. */
export type PeerMaps = Pick<OpenMaps, 'settings_map' | 'peers' | 'peers_lpm'>;

/** What of the settings says where a subnet's place is. */
export interface Numbering {
  readonly length: number;
  readonly first: number;
  readonly count: number;
}

export function readNumbering(maps: SettingsMap): Numbering {
  const settings = readSettingsStruct(maps);
  const length = 32 - settings.subnet_shift;
  return { length, first: settings.first_subnet * prefixSize(length), count: settings.peer_count };
}

/** The subnet's place in the array; null: it belongs in the trie. */
export function placeOf(numbering: Numbering, subnet: Prefix): number | null {
  if (subnet.length !== numbering.length) return null;
  const place = (subnet.address - numbering.first) / prefixSize(numbering.length);
  return place >= 0 && place < numbering.count ? place : null;
}

/** The places of the array that somebody holds, and where in the values each begins. */
export function readPlaces(maps: PeerMaps): {
  values: Buffer;
  places: { place: number; at: number }[];
} {
  const { fd, maxEntries, valueSize } = maps.peers;
  const keys = Buffer.alloc(4 * maxEntries);
  const found = Buffer.alloc(valueSize * maxEntries);
  const places: { place: number; at: number }[] = [];
  const count = lookupBatch(fd, keys, found, maxEntries);
  const values = fitValues(found, valueSize, peerLayout.size);
  const { offset } = peerLayout.fields.flags;
  for (let number = 0; number < count; number += 1) {
    const at = number * peerLayout.size;
    if (values[at + offset] !== 0) {
      places.push({ place: keys.readUInt32LE(4 * number), at });
    }
  }
  return { values, places };
}

/** A PublicIP as a number, and where it is counted. */
export interface PlacedAddress {
  readonly address: number;
  readonly slot: number;
}

/** Every peer's PublicIP and slot, and no more of it: this is asked at each change of one peer. */
export function readAddresses(maps: PeerMaps): PlacedAddress[] {
  const { values, places } = readPlaces(maps);
  const { offset } = peerLayout.fields.address;
  return [
    ...places.map(({ place, at }) => ({ slot: place, address: values.readUInt32BE(at + offset) })),
    ...readTrie(maps).map(({ peer: { slot, address } }) => ({ slot, address })),
  ];
}

export function readTrie(maps: PeerMaps): { subnet: string; peer: PeerStruct }[] {
  const found: { subnet: string; peer: PeerStruct }[] = [];
  let key: Buffer | null = null;
  for (;;) {
    const next: Buffer = Buffer.alloc(lpmKeyLayout.size);
    if (!nextKey(maps.peers_lpm.fd, key, next)) return found;
    const peer = lookupStruct(maps.peers_lpm, peerLayout, next);
    if (peer) {
      const { address, length } = decodeStruct(lpmKeyLayout, next);
      found.push({ subnet: formatPrefix(prefixOf(address, length)), peer });
    }
    key = next;
  }
}
