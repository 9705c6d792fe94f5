/** Pinned maps, open. Those of other versions have values of other sizes, of which the shorter is a prefix of the longer. */
import { lookupElement, nextKey, readMapInfo } from '../sys/bpf.ts';
import type { MapDefinition } from '../sys/libbpf.ts';
import type { mapLayouts } from './layouts.gen.ts';
import { decodeStruct, type Layout, type StructOf } from './struct_codec.ts';

export type MapName = keyof typeof mapLayouts;

/** A pinned map, open. */
export interface OpenMap extends MapDefinition {
  readonly fd: number;
  /** The kernel's number for it. */
  readonly id: number;
}

export type OpenMaps = Readonly<Record<MapName, OpenMap>> & Disposable;

export function openMapOf(fd: number): OpenMap {
  return { fd, ...readMapInfo(fd) };
}

/** The key of an array's element. */
export function indexKey(index: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(index);
  return key;
}

/** Of a map that is no array: those are never empty. */
export function isEmpty({ fd, keySize }: OpenMap): boolean {
  return !nextKey(fd, null, Buffer.alloc(keySize));
}

/** Values packed one after another, cut to another size or with zeros behind each. */
export function fitValues(values: Buffer, from: number, to: number): Buffer {
  if (from === to) return values;
  const fitted = Buffer.alloc((values.length / from) * to);
  for (let at = 0, into = 0; at < values.length; at += from, into += to)
    values.copy(fitted, into, at, at + Math.min(from, to));
  return fitted;
}

/** The struct that stands under a key; null: there is none. */
export function lookupStruct<L extends Layout>(
  { fd, valueSize }: OpenMap,
  layout: L,
  key: Buffer,
): StructOf<L> | null {
  const value = Buffer.alloc(valueSize);
  if (!lookupElement(fd, key, value)) return null;
  return decodeStruct(layout, fitValues(value, valueSize, layout.size));
}
