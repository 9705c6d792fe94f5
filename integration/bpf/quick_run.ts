/**
 * BPF_PROG_TEST_RUN by the million: the buffers are the same each time, and nothing is made for a run. A packet is
 * written into `input`; what the program left of it stands in `output` until the next run.
 */
import { arch } from 'node:os';
import { addressOf, checked, syscall3 } from '../../src/sys/libc.ts';
import { CONTEXT_SIZE, type ContextFields, encodeContext, readMark } from './context.ts';

const SYS_BPF = arch() === 'arm64' ? 280 : 321;
const PROG_TEST_RUN = 10;
const ATTR_SIZE = 128;
/** Linear test-run packets are at most a page less the kernel's own parts. */
const ROOM = 4096;

/** Those of the last run: nothing lets go of a buffer while the kernel writes into it. */
let held: readonly Buffer[] = [];

export interface QuickRunner {
  readonly input: Buffer;
  readonly output: Buffer;
  /** Of the last run: how many bytes of `output` are the packet. */
  outputLength(): number;
  /** Of the last run, of a tc program. */
  mark(): number;
  /** What later runs get with their packet. */
  setContext(fields: ContextFields): void;
  /** Runs the program on the first `length` bytes of `input`; returns what it returned. */
  run(length: number): number;
}

/** @param kind an XDP program has no `struct __sk_buff` */
export function makeQuickRunner(programFd: number, kind: 'tc' | 'xdp' = 'tc'): QuickRunner {
  const attr = Buffer.alloc(ATTR_SIZE);
  const [input, output] = [Buffer.alloc(ROOM), Buffer.alloc(ROOM)];
  const [before, after] = [Buffer.alloc(CONTEXT_SIZE), Buffer.alloc(CONTEXT_SIZE)];
  attr.writeUInt32LE(programFd, 0);
  attr.writeBigUInt64LE(addressOf(input), 16);
  attr.writeBigUInt64LE(addressOf(output), 24);
  attr.writeUInt32LE(1, 32);
  if (kind === 'tc') {
    attr.writeUInt32LE(CONTEXT_SIZE, 40);
    attr.writeBigUInt64LE(addressOf(before), 48);
    attr.writeBigUInt64LE(addressOf(after), 56);
  }
  const buffers = [input, output, before, after];
  return {
    input,
    output,
    outputLength: () => attr.readUInt32LE(12),
    mark: () => readMark(after),
    setContext: (fields) => void encodeContext(fields, before),
    run: (length) => {
      attr.writeUInt32LE(length, 8);
      attr.writeUInt32LE(ROOM, 12);
      if (kind === 'tc') attr.writeUInt32LE(CONTEXT_SIZE, 44);
      held = buffers;
      checked('bpf(PROG_TEST_RUN)', syscall3(SYS_BPF, PROG_TEST_RUN, attr, ATTR_SIZE));
      if (held !== buffers) throw new Error('two runs at once');
      return attr.readInt32LE(4);
    },
  };
}
