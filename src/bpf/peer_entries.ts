/** What stands in the peer maps, as it stands there. */
import { formatPrefix, type Prefix, prefixOf, prefixSize } from '../net/prefix.ts';
import { nextKey, readBatches } from '../sys/bpf.ts';
import { lpmKeyLayout, peerLayout } from './layouts.gen.ts';
import { fitValues, indexKey, lookupStruct, type OpenMaps } from './open_map.ts';
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

/** A place of the array that somebody holds, and where its `struct peer` is: good until the next one is asked for. */
export interface HeldPlace {
  readonly place: number;
  readonly values: Buffer;
  readonly at: number;
}

export function* readPlaces({ peers }: Pick<PeerMaps, 'peers'>): Generator<HeldPlace> {
  const { fd, keySize, valueSize } = peers;
  const { offset } = peerLayout.fields.flags;
  for (const batch of readBatches(fd, keySize, valueSize)) {
    const values = fitValues(batch.values, valueSize, peerLayout.size);
    for (let number = 0; number < batch.count; number += 1) {
      const at = number * peerLayout.size;
      if (values[at + offset] !== 0) {
        yield { place: batch.keys.readUInt32LE(4 * number), values, at };
      }
    }
  }
}

/** Who holds a place of the array; null: nobody, or the array has no such place. */
export function readPlace({ peers }: Pick<PeerMaps, 'peers'>, place: number): PeerStruct | null {
  const peer = lookupStruct(peers, peerLayout, indexKey(place));
  return peer === null || peer.flags === 0 ? null : peer;
}

/** A PublicIP as a number, and where it is counted. */
export interface PlacedAddress {
  readonly address: number;
  readonly slot: number;
}

/** Every peer's PublicIP and slot, and no more of it: a network has thousands. */
export function readAddresses(maps: PeerMaps): PlacedAddress[] {
  const { offset } = peerLayout.fields.address;
  const addresses: PlacedAddress[] = [];
  for (const { place, values, at } of readPlaces(maps))
    addresses.push({ slot: place, address: values.readUInt32BE(at + offset) });
  for (const { peer } of readTrie(maps)) addresses.push({ slot: peer.slot, address: peer.address });
  return addresses;
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
