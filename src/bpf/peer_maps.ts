/**
 * Peers in the maps. A lease of the network's length has a place of its own in the array `peers`, found by the number of
 * its subnet; any other stands in the trie `peers_lpm`. `sources` lists the peers' PublicIPs.
 */
import { TartanError } from '../errors.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import { formatPrefix, type Prefix, parsePrefix, prefixOf, prefixSize } from '../net/prefix.ts';
import { NO_MAC, type Peer } from '../plan/dataplane.ts';
import { deleteElement, possibleCpus, updateBatch, updateElement } from '../sys/bpf.ts';
import { lpmKeyLayout, peerLayout, trafficLayout } from './layouts.gen.ts';
import { isEmpty, type OpenMaps } from './open_map.ts';
import {
  type Numbering,
  type PeerMaps,
  type PeerStruct,
  type PlacedAddress,
  placeOf,
  readAddresses,
  readNumbering,
  readPlaces,
  readTrie,
} from './peer_entries.ts';
import { addRow, indexRows, newRows, PEER_DIRECT, type RowIndex, rowValue } from './peer_rows.ts';
import { writeIrregular } from './settings.ts';
import { removeSource, writeSources, writeSourcesOf } from './source_map.ts';
import { decodeStruct, encodeStruct } from './struct_codec.ts';

/** Where a subnet's traffic is counted in `peer_counters`; null: nobody holds it, and it is not one of the array's. */
export function slotOf(maps: PeerMaps, subnet: string): number | null {
  const place = placeOf(readNumbering(maps), parsePrefix(subnet));
  if (place !== null) return place;
  return readTrie(maps).find((entry) => entry.subnet === subnet)?.peer.slot ?? null;
}

/** Every peer, by subnet. */
export function readPeers(maps: PeerMaps): Map<string, Peer> {
  const numbering = readNumbering(maps);
  const size = prefixSize(numbering.length);
  const peers = new Map<string, Peer>();
  for (const { place, peer } of readArray(maps)) {
    const subnet = formatPrefix(prefixOf(numbering.first + place * size, numbering.length));
    peers.set(subnet, toPeer(subnet, peer));
  }
  for (const { subnet, peer } of readTrie(maps)) peers.set(subnet, toPeer(subnet, peer));
  return peers;
}

function toPeer(subnet: string, { address, mac, flags }: PeerStruct): Peer {
  const peer = { subnet, publicIp: formatIpv4(address), mac };
  return flags & PEER_DIRECT ? { ...peer, direct: true } : peer;
}

function readArray(maps: PeerMaps): { place: number; peer: PeerStruct }[] {
  const { values, places } = readPlaces(maps);
  return places.map(({ place, at }) => ({ place, peer: decodeStruct(peerLayout, values, at) }));
}

/**
 * Writes peers, new ones and changed ones. The settings must have been written. `sources` comes first: no peer is known
 * whose packets are refused, and a run that is cut short leaves the peers to be written again. A program that reads an
 * entry while it changes may see the old MAC with the new address: the packet is lost at the other end, as it would
 * have been a moment earlier.
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
  // A host that joins a large network has nothing to look through yet. That is asked of the map that is left first.
  const standing = isEmpty(maps.sources) ? [] : readAddresses(maps);
  const coming = indexRows(regular, irregular);
  const passed = standing.length === 0 ? [] : findPassed(maps, coming);
  for (const rows of [regular, irregular]) writeSourcesOf(maps, rows);
  leaveSources(maps, standing, coming.hasSlot, coming.hasAddress);
  updateBatch(maps.peers.fd, regular.slots, regular.values, regular.count);
  for (const [at, { subnet }] of placed.entries())
    updateElement(maps.peers_lpm.fd, encodeStruct(lpmKeyLayout, subnet), rowValue(irregular, at));
  if (placed.length > 0) writeIrregular(maps, true);
  for (const slot of passed) forgetTraffic(maps, slot);
}

/** A peer that has no place in the array, and the slot behind it. */
interface PlacedPeer {
  readonly peer: Peer;
  readonly subnet: Prefix;
  readonly slot: number;
}

/**
 * Slots that another host is to have now. One that moves keeps its MAC, and one that makes its device anew its PublicIP:
 * both keep their counters.
 */
function findPassed(maps: OpenMaps, coming: RowIndex): number[] {
  const { values, places } = readPlaces(maps);
  const holders = [
    ...places
      .filter(({ place }) => coming.hasSlot(place))
      .map(({ place, at }) => ({ ...decodeStruct(peerLayout, values, at), slot: place })),
    ...readTrie(maps).map(({ peer }) => peer),
  ];
  return holders.flatMap(({ slot, mac, address }) => {
    const row = coming.at(slot);
    if (row === null || row.address === address) return [];
    return mac !== NO_MAC && row.mac === mac ? [] : [slot];
  });
}

function forgetTraffic(maps: OpenMaps, slot: number): void {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(slot);
  updateElement(maps.peer_counters.fd, key, Buffer.alloc(trafficLayout.size * possibleCpus()));
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
  const key = Buffer.alloc(4);
  const placed = subnets.flatMap((text) => {
    const subnet = parsePrefix(text);
    const place = placeOf(numbering, subnet);
    const slot = place ?? slots.get(text);
    return slot === undefined ? [] : [{ subnet, place, slot }];
  });
  const left = new Set(placed.map(({ slot }) => slot));
  leaveSources(
    maps,
    readAddresses(maps),
    (slot) => left.has(slot),
    () => false,
  );
  for (const { subnet, place, slot } of placed) {
    key.writeUInt32LE(slot);
    if (place === null) deleteElement(maps.peers_lpm.fd, encodeStruct(lpmKeyLayout, subnet));
    else updateElement(maps.peers.fd, key, empty);
    forgetTraffic(maps, slot);
  }
  writeIrregular(maps, readTrie(maps).length > 0);
}

/**
 * What becomes of the PublicIPs of the entries in these slots: one that only they have is forgotten, one that another
 * entry has as well is counted there. Those of the entries to come are written already.
 */
function leaveSources(
  maps: OpenMaps,
  standing: readonly PlacedAddress[],
  isLeft: (slot: number) => boolean,
  isComing: (address: number) => boolean,
): void {
  const leaving = new Set<number>();
  const staying = new Map<number, number>();
  for (const { slot, address } of standing) {
    if (!isLeft(slot)) staying.set(address, slot);
    else if (!isComing(address)) leaving.add(address);
  }
  const shared = [...staying].filter(([address]) => leaving.has(address));
  writeSources(
    maps,
    shared.map(([address, slot]) => ({ address, slot })),
  );
  for (const address of leaving) if (!staying.has(address)) removeSource(maps, address);
}
