/** bpf(2) itself: a command and a `union bpf_attr`, <linux/bpf.h>. */
import { arch } from 'node:os';
import { addressOf, checked, syscall3 } from './libc.ts';

const SYS_BPF = arch() === 'arm64' ? 280 : 321;

/** Big enough for every command used here; zero behind what a command reads, as the kernel demands. */
const ATTR_SIZE = 128;

/** An empty `union bpf_attr`. */
export function newAttr(): Buffer {
  return Buffer.alloc(ATTR_SIZE);
}

/**
 * The buffers whose addresses stand in an attr. JavaScript may free one after its last mention, which is before the
 * call: the kernel would write into memory that is somebody else's by then.
 */
const held: Uint8Array[] = [];

/** Runs a command; the kernel may write into `attr`, and into the buffers that it points to. */
export function bpf(name: string, command: number, attr: Buffer): number {
  try {
    return checked(`bpf(${name})`, syscall3(SYS_BPF, command, attr, ATTR_SIZE));
  } finally {
    held.length = 0;
  }
}

export function call(name: string, command: number, fill: (attr: Buffer) => void): Buffer {
  return callFor(name, command, fill).attr;
}

export function callFor(name: string, command: number, fill: (attr: Buffer) => void) {
  const attr = newAttr();
  fill(attr);
  return { attr, result: bpf(name, command, attr) };
}

/** Writes a buffer's address into the attr of the next call, and keeps it until that has ended. */
export function putPointer(attr: Buffer, offset: number, buffer: Uint8Array | null): void {
  if (buffer) held.push(buffer);
  attr.writeBigUInt64LE(buffer ? addressOf(buffer) : 0n, offset);
}
