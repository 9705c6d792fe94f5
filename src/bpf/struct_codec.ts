/** Structs to bytes and back, by the generated layouts. Numbers in a struct are the machine's unless named `be`. */
import { formatMac, parseMac } from '../net/mac.ts';

type Kind = 'u8' | 'u16' | 'u32' | 'u64' | 'be16' | 'be32' | 'mac';

/** Where a struct's fields lie, in bytes. */
export interface Layout {
  readonly size: number;
  readonly fields: Readonly<Record<string, { readonly offset: number; readonly kind: Kind }>>;
}

type ValueOf<K extends Kind> = K extends 'mac' ? string : number;

/** The values of a struct: numbers, and MACs as text. Addresses are numbers, 10.0.0.1 being 0x0a000001. */
export type StructOf<L extends Layout> = {
  -readonly [F in keyof L['fields']]: ValueOf<L['fields'][F]['kind']>;
};

const writers: Record<Kind, (buffer: Buffer, value: never, offset: number) => void> = {
  u8: (buffer, value: number, offset) => void buffer.writeUInt8(value, offset),
  u16: (buffer, value: number, offset) => void buffer.writeUInt16LE(value, offset),
  u32: (buffer, value: number, offset) => void buffer.writeUInt32LE(value, offset),
  u64: (buffer, value: number, offset) => void buffer.writeBigUInt64LE(BigInt(value), offset),
  be16: (buffer, value: number, offset) => void buffer.writeUInt16BE(value, offset),
  be32: (buffer, value: number, offset) => void buffer.writeUInt32BE(value, offset),
  mac: (buffer, value: string, offset) => void buffer.set(parseMac(value), offset),
};

const readers: Record<Kind, (buffer: Buffer, offset: number) => string | number> = {
  u8: (buffer, offset) => buffer.readUInt8(offset),
  u16: (buffer, offset) => buffer.readUInt16LE(offset),
  u32: (buffer, offset) => buffer.readUInt32LE(offset),
  // Counters: exact up to 2 ** 53, which a packet counter does not reach.
  u64: (buffer, offset) => Number(buffer.readBigUInt64LE(offset)),
  be16: (buffer, offset) => buffer.readUInt16BE(offset),
  be32: (buffer, offset) => buffer.readUInt32BE(offset),
  mac: (buffer, offset) => formatMac(buffer.subarray(offset, offset + 6)),
};

/** A layout's fields as a list: thousands of structs are coded in a row. */
const fieldLists = new WeakMap<Layout, readonly Field[]>();

interface Field {
  readonly name: string;
  readonly offset: number;
  readonly kind: Kind;
}

function fieldsOf(layout: Layout): readonly Field[] {
  const known = fieldLists.get(layout);
  if (known) return known;
  const fields = Object.entries(layout.fields).map(([name, field]) => ({ name, ...field }));
  fieldLists.set(layout, fields);
  return fields;
}

/** Writes a struct at an offset of the buffer. */
export function encodeStruct<L extends Layout>(
  layout: L,
  values: StructOf<L>,
  buffer: Buffer = Buffer.alloc(layout.size),
  at = 0,
): Buffer {
  for (const { name, offset, kind } of fieldsOf(layout)) {
    writers[kind](buffer, values[name as keyof StructOf<L>] as never, at + offset);
  }
  return buffer;
}

/** Reads a struct at an offset of the buffer. */
export function decodeStruct<L extends Layout>(layout: L, buffer: Buffer, at = 0): StructOf<L> {
  const values: Record<string, string | number> = {};
  for (const { name, offset, kind } of fieldsOf(layout)) {
    values[name] = readers[kind](buffer, at + offset);
  }
  return values as StructOf<L>;
}
