/**
 * Peers in the maps. A lease of the network's length has a place of its own in the array `peers`, found by the number of
 * its subnet; any other stands in the trie `peers_lpm`. `sources` lists the peers' PublicIPs.
 */
import { TartanError } from '../errors.ts';
import { type Prefix, parsePrefix, prefixSize } from '../net/prefix.ts';
import { NO_MAC, type Peer } from '../plan/dataplane.ts';
import { deleteElement, possibleCpus, updateBatch, updateElement } from '../sys/bpf.ts';
import { lpmKeyLayout, peerLayout, trafficLayout } from './layouts.gen.ts';
import { indexKey, isEmpty, type OpenMaps } from './open_map.ts';
import {
  type Numbering,
  type PeerMaps,
  type PeerStruct,
  type PlacedAddress,
  placeOf,
  readAddresses,
  readNumbering,
  readPlace,
  readPlaces,
  readTrie,
} from './peer_entries.ts';
import { keepFew, peerOf, toPeer } from './peer_memo.ts';
import {
  addRow,
  indexRows,
  newRows,
  type PeerRows,
  type RowIndex,
  rowValue,
  slotsOf,
} from './peer_rows.ts';
import { writeIrregular } from './settings.ts';
import { readSources, removeSource, writeSources, writeSourcesOf } from './source_map.ts';
import { decodeStruct, encodeStruct } from './struct_codec.ts';

/** Where a subnet's traffic is counted in `peer_counters`; null: nobody holds it, and it is not one of the array's. */
export function slotOf(maps: PeerMaps, subnet: string): number | null {
  const place = placeOf(readNumbering(maps), parsePrefix(subnet));
  if (place !== null) return place;
  return readTrie(maps).find((entry) => entry.subnet === subnet)?.peer.slot ?? null;
}

/** Every peer, by subnet. */
export function readPeers(maps: PeerMaps): Map<string, Peer> {
  const { first, length } = readNumbering(maps);
  const size = prefixSize(length);
  const peers = new Map<string, Peer>();
  for (const { place, values, at } of readPlaces(maps)) {
    const peer = peerOf(first + place * size, length, values, at);
    peers.set(peer.subnet, peer);
  }
  keepFew(peers.size);
  for (const { subnet, peer } of readTrie(maps)) peers.set(subnet, toPeer(subnet, peer));
  return peers;
}

/**
 * Writes peers, new ones and changed ones. The settings must have been written. A PublicIP comes before its peers and goes
 * after them: no peer is known whose packets are refused, wherever a run is cut short. A program that reads an entry while
 * it changes may see the old MAC with the new address: the packet is lost at the other end, as it would have been a moment
 * earlier.
 * Where a subnet has passed to another host, what was counted for the one before is forgotten.
 * @throws TartanError `KERNEL` if there are more irregular peers than have room; then nothing is written
 */
export function writePeers(maps: OpenMaps, peers: readonly Peer[]): void {
  const numbering = readNumbering(maps);
  const regular = newRows(peers.length);
  const others: Omit<PlacedPeer, 'slot'>[] = [];
  for (const peer of peers) {
    const subnet = parsePrefix(peer.subnet);
    const slot = placeOf(numbering, subnet);
    if (slot === null) others.push({ peer, subnet });
    else addRow(regular, slot, subnet.length, peer);
  }
  const placed = giveSlots(maps, numbering, others);
  const irregular = newRows(placed.length);
  for (const { peer, subnet, slot } of placed) addRow(irregular, slot, subnet.length, peer);
  const coming = indexRows(regular, irregular);
  // A host that joins a large network has nothing to look through yet. That is asked of the map that is left first.
  const holders = isEmpty(maps.sources) ? [] : readHolders(maps, regular, coming);
  const passed = holders.filter((holder) => hasPassed(holder, coming)).map(({ slot }) => slot);
  // Where those that go leave no room for those that come, some come behind their peers.
  const hadRoom = [regular, irregular].every((rows) => writeSourcesOf(maps, rows));
  updateBatch(maps.peers.fd, regular.slots, regular.values, regular.count);
  for (const [at, { subnet }] of placed.entries())
    updateElement(maps.peers_lpm.fd, encodeStruct(lpmKeyLayout, subnet), rowValue(irregular, at));
  if (placed.length > 0) writeIrregular(maps, true);
  const leaves = holders.some(({ slot, address }) => coming.at(slot)?.address !== address);
  if (leaves || !hadRoom) settleSources(maps);
  for (const slot of passed) forgetTraffic(maps, slot);
}

/** A peer that has no place in the array, and the slot behind it. */
interface PlacedPeer {
  readonly peer: Peer;
  readonly subnet: Prefix;
  readonly slot: number;
}

/** Who stands in a slot that somebody is to have now. */
type Holder = Pick<PeerStruct, 'slot' | 'address' | 'mac'>;

/** More are read sooner with all the others. */
const FEW = 100;

function readHolders(maps: OpenMaps, regular: PeerRows, coming: RowIndex): Holder[] {
  const holders: Holder[] = readTrie(maps)
    .map(({ peer }) => peer)
    .filter(({ slot }) => coming.hasSlot(slot));
  if (regular.count <= FEW) {
    for (const slot of slotsOf(regular)) {
      const peer = readPlace(maps, slot);
      if (peer !== null) holders.push({ ...peer, slot });
    }
    return holders;
  }
  for (const { place, values, at } of readPlaces(maps)) {
    if (coming.hasSlot(place))
      holders.push({ ...decodeStruct(peerLayout, values, at), slot: place });
  }
  return holders;
}

/** One that moves keeps its MAC, and one that makes its device anew its PublicIP: both keep their counters. */
function hasPassed({ slot, mac, address }: Holder, coming: RowIndex): boolean {
  const row = coming.at(slot);
  if (row === null || row.address === address) return false;
  return mac === NO_MAC || row.mac !== mac;
}

function forgetTraffic(maps: OpenMaps, slot: number): void {
  updateElement(
    maps.peer_counters.fd,
    indexKey(slot),
    Buffer.alloc(trafficLayout.size * possibleCpus()),
  );
}

/** A slot behind the array's for each irregular peer: the one it has, or the lowest that is free. */
function giveSlots(
  maps: OpenMaps,
  { count }: Numbering,
  homeless: readonly Omit<PlacedPeer, 'slot'>[],
): PlacedPeer[] {
  if (homeless.length === 0) return [];
  const slots = new Map(readTrie(maps).map(({ subnet, peer }) => [subnet, peer.slot]));
  const taken = new Set(slots.values());
  let next = count;
  return homeless.map((one) => {
    let slot = slots.get(one.peer.subnet);
    if (slot === undefined) {
      while (taken.has(next)) next += 1;
      if (next >= maps.peer_counters.maxEntries) throw tooManyIrregular(taken.size, one.peer);
      slot = next;
      taken.add(slot);
    }
    return { ...one, slot };
  });
}

function tooManyIrregular(count: number, { subnet }: Peer): TartanError {
  return new TartanError(
    'KERNEL',
    `no room for the peer ${subnet}: ${count} leases outside of the network's SubnetLen and range stand already`,
    'Set SubnetLen, SubnetMin and SubnetMax in the network config so that they cover the leases, or remove those that nobody uses.',
  );
}

/** Removes peers and forgets what was counted for them. */
export function removePeers(maps: OpenMaps, subnets: readonly string[]): void {
  const numbering = readNumbering(maps);
  const slots = new Map(readTrie(maps).map(({ subnet, peer }) => [subnet, peer.slot]));
  const empty = Buffer.alloc(peerLayout.size);
  const placed = subnets.flatMap((text) => {
    const subnet = parsePrefix(text);
    const place = placeOf(numbering, subnet);
    const slot = place ?? slots.get(text);
    return slot === undefined ? [] : [{ subnet, place, slot }];
  });
  for (const { subnet, place, slot } of placed) {
    if (place === null) deleteElement(maps.peers_lpm.fd, encodeStruct(lpmKeyLayout, subnet));
    else updateElement(maps.peers.fd, indexKey(slot), empty);
    forgetTraffic(maps, slot);
  }
  writeIrregular(maps, readTrie(maps).length > 0);
  settleSources(maps);
}

/**
 * Makes `sources` what the peers say: a PublicIP that none of them has goes, and each of theirs is counted in a slot of its
 * own. What goes comes first: there is room for one a slot.
 */
export function settleSources(maps: OpenMaps): void {
  const { surplus, missing } = findStrays(maps);
  for (const address of surplus) removeSource(maps, address);
  writeSources(maps, missing);
}

/** Whether a run that was cut short, or somebody else, has left `sources` otherwise than the peers say. */
export function hasStrays(maps: OpenMaps): boolean {
  const { surplus, missing } = findStrays(maps);
  return surplus.length + missing.length > 0;
}

function findStrays(maps: OpenMaps): { surplus: number[]; missing: PlacedAddress[] } {
  const standing = readAddresses(maps);
  const slots = new Map(standing.map(({ address, slot }) => [address, slot]));
  const addresses = new Map(standing.map(({ address, slot }) => [slot, address]));
  const surplus: number[] = [];
  const right = new Set<number>();
  for (const { address, slot } of readSources(maps)) {
    if (!slots.has(address)) surplus.push(address);
    else if (addresses.get(slot) === address) right.add(address);
  }
  const missing = [...slots].filter(([address]) => !right.has(address));
  return { surplus, missing: missing.map(([address, slot]) => ({ address, slot })) };
}
