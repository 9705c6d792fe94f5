/** The `sources` map: the PublicIPs from which packets are accepted, each with the slot that counts them. */
import { deleteElement, updateBatch } from '../sys/bpf.ts';
import { sourceLayout } from './layouts.gen.ts';
import type { OpenMaps } from './open_map.ts';
import type { PeerRows } from './peer_rows.ts';

/** Addresses are numbers, 10.0.0.1 being 0x0a000001; the map has them in network byte order. */
export function writeSources(
  maps: OpenMaps,
  sources: readonly { readonly address: number; readonly slot: number }[],
): void {
  const keys = Buffer.alloc(4 * sources.length);
  const values = Buffer.alloc(sourceLayout.size * sources.length);
  for (const [at, { address, slot }] of sources.entries()) {
    keys.writeUInt32BE(address, 4 * at);
    values.writeUInt32LE(slot, sourceLayout.size * at);
  }
  updateBatch(maps.sources.fd, keys, values, sources.length);
}

/** What stands in `sources` is the slot alone: the type check fails once it is more. */
const SLOT_BYTES: typeof sourceLayout.size = 4;

/** The PublicIPs of peers that are being written. */
export function writeSourcesOf(maps: OpenMaps, { slots, addresses, count }: PeerRows): void {
  updateBatch(maps.sources.fd, addresses, slots.subarray(0, SLOT_BYTES * count), count);
}

export function removeSource(maps: OpenMaps, address: number): void {
  const key = Buffer.alloc(4);
  key.writeUInt32BE(address);
  deleteElement(maps.sources.fd, key);
}
