/** The `sources` map: the PublicIPs from which packets are accepted, each with the slot that counts them. */
import { deleteElement, readBatches, updateBatch } from '../sys/bpf.ts';
import { SystemError } from '../sys/libc.ts';
import { sourceLayout } from './layouts.gen.ts';
import type { OpenMaps } from './open_map.ts';
import type { PlacedAddress } from './peer_entries.ts';
import type { PeerRows } from './peer_rows.ts';

export function readSources({ sources }: OpenMaps): PlacedAddress[] {
  const found: PlacedAddress[] = [];
  for (const { keys, values, count } of readBatches(sources.fd, 4, sourceLayout.size)) {
    for (let at = 0; at < count; at += 1) {
      const slot = values.readUInt32LE(sourceLayout.size * at);
      found.push({ address: keys.readUInt32BE(4 * at), slot });
    }
  }
  return found;
}

/** Addresses are numbers, 10.0.0.1 being 0x0a000001; the map has them in network byte order. */
export function writeSources(maps: OpenMaps, sources: readonly PlacedAddress[]): void {
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

/** The PublicIPs of peers that are being written. False: there was no room for all of them. */
export function writeSourcesOf(maps: OpenMaps, { slots, addresses, count }: PeerRows): boolean {
  try {
    updateBatch(maps.sources.fd, addresses, slots.subarray(0, SLOT_BYTES * count), count);
    return true;
  } catch (error) {
    if (error instanceof SystemError && error.errno === 'E2BIG') return false;
    throw error;
  }
}

export function removeSource(maps: OpenMaps, address: number): void {
  const key = Buffer.alloc(4);
  key.writeUInt32BE(address);
  deleteElement(maps.sources.fd, key);
}
