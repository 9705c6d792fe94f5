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

/** Runs a command; the kernel may write into `attr`. */
export function bpf(name: string, command: number, attr: Buffer): number {
  return checked(`bpf(${name})`, syscall3(SYS_BPF, command, attr, ATTR_SIZE));
}

export function call(name: string, command: number, fill: (attr: Buffer) => void): Buffer {
  return callFor(name, command, fill).attr;
}

export function callFor(name: string, command: number, fill: (attr: Buffer) => void) {
  const attr = newAttr();
  fill(attr);
  return { attr, result: bpf(name, command, attr) };
}

/** The buffer must outlive the call. */
export function putPointer(attr: Buffer, offset: number, buffer: Uint8Array | null): void {
  attr.writeBigUInt64LE(buffer ? addressOf(buffer) : 0n, offset);
}
