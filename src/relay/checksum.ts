/** The internet checksum (RFC 1071): sums of 16-bit words as on the wire, with the carries added in again. */
import type { Memory } from '../sys/memory.ts';

/** Folds a sum of up to 2^53 to 16 bits. */
export function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded % 0x1_0000) + Math.floor(folded / 0x1_0000);
  return folded;
}

/** The folded sum of `length` bytes at any offset. An odd last byte counts as the upper half of a word. */
export function sumOf({ bytes, words }: Memory, offset: number, length: number): number {
  const end = offset + length;
  const firstWord = Math.min((offset + 3) & ~3, end);
  const lastWord = Math.max(end & ~3, firstWord);
  let edges = 0;
  for (let at = offset; at < firstWord; at++) edges += shifted(bytes, at);
  for (let at = lastWord; at < end; at++) edges += shifted(bytes, at);
  const sum = fold(edges + sumOfWords(words, firstWord >> 2, lastWord >> 2));
  return (offset & 1) === 1 ? sum : swap(sum);
}

/**
 * Four sums of 32-bit words side by side: the fastest way that was tried, 0.12 ns a byte, and exact, for a double holds
 * a sum of two million of them. They are in the machine's byte order, which for this sum matters only at its end. Each
 * has a `let` of its own: destructured, they would be objects, and take four times as long.
 */
function sumOfWords(words: Uint32Array, from: number, to: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let word = from;
  for (; word + 4 <= to; word += 4) {
    a += words[word] as number;
    b += words[word + 1] as number;
    c += words[word + 2] as number;
    d += words[word + 3] as number;
  }
  for (; word < to; word++) a += words[word] as number;
  return a + b + c + d;
}

/** A byte's share in the little-endian word that it lies in. */
function shifted(bytes: Uint8Array, at: number): number {
  const byte = bytes[at] as number;
  return (at & 1) === 0 ? byte : byte << 8;
}

function swap(word: number): number {
  return ((word & 0xff) << 8) | (word >> 8);
}
