/**
 * Packets in files, as hexadecimal digits, sixteen bytes a line; `..` is a byte that may be any. UPDATE_GOLDEN=1 writes
 * the files anew: look at the difference before it is committed.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';

export interface Span {
  readonly offset: number;
  readonly length: number;
}

/** Fails where the packet is not the one in golden/<name>.hex. */
export function assertGolden(name: string, packet: Buffer, masked: readonly Span[] = []): void {
  const file = new URL(`golden/${name}.hex`, import.meta.url);
  const text = dump(packet, masked);
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, text);
  assert.equal(text, readFileSync(file, 'utf8'), `the packet is not the one in golden/${name}.hex`);
}

function dump(packet: Buffer, masked: readonly Span[]): string {
  const bytes = Array.from(packet, (byte) => byte.toString(16).padStart(2, '0'));
  for (const { offset, length } of masked) bytes.fill('..', offset, offset + length);
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) lines.push(bytes.slice(at, at + 16).join(' '));
  return `${lines.join('\n')}\n`;
}
