/** Memory that system calls read and write by address, and JavaScript by offset. */
import { addressOf } from './libc.ts';

export interface Memory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** The same bytes, four at a time, in the machine's own order. */
  readonly words: Uint32Array;
  /** Of the first byte; a multiple of 4, and exact as a number: user space ends below 2^48. */
  readonly address: number;
  /** What its bytes point to. */
  readonly pointsTo: readonly Memory[];
}

/**
 * @param size in bytes, a multiple of 4
 * @param pointsTo what pointers to will be written into it: it lives as long, although JavaScript sees nobody use it
 */
export function allocate(size: number, ...pointsTo: readonly Memory[]): Memory {
  const buffer = new ArrayBuffer(size);
  const bytes = new Uint8Array(buffer);
  return {
    bytes,
    view: new DataView(buffer),
    words: new Uint32Array(buffer),
    address: Number(addressOf(bytes)),
    pointsTo,
  };
}

/** Writes a pointer into a struct, little-endian: without BigInt, which would take longer than all else. */
export function putAddress(into: Memory, at: number, address: number): void {
  into.words[at >> 2] = address;
  into.words[(at >> 2) + 1] = address / 2 ** 32;
}

/** `sizeof(struct iovec)`, <sys/uio.h>. */
export const VECTOR_BYTES = 16;

/** Writes `struct iovec` number `index`: so many bytes at an offset of another memory. */
export function putVector(
  vectors: Memory,
  index: number,
  of: Memory,
  offset: number,
  length: number,
): void {
  const at = index * VECTOR_BYTES;
  putAddress(vectors, at, of.address + offset);
  vectors.words[(at >> 2) + 2] = length;
}
