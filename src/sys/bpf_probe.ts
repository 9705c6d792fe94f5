/** Whether bpf(2) does what it takes here: asked of the kernel itself, without leaving anything behind. */
import { callFor, putPointer } from './bpf_call.ts';
import { close } from './libc.ts';

const PROG_LOAD = 5;
const PROG_TYPE_SCHED_CLS = 3;

/** `r0 = 0; exit` as <linux/bpf.h> has `struct bpf_insn`. */
const RETURN_ZERO = Buffer.from('b7000000000000009500000000000000', 'hex');
const LICENSE = Buffer.from('GPL\0');

/**
 * Loads the shortest tc program there is, and lets it go.
 * @throws SystemError `EPERM` (no CAP_BPF, or bpf(2) is denied), `ENOSYS` (there is no bpf(2))
 */
export function tryLoad(): void {
  const { result } = callFor('PROG_LOAD', PROG_LOAD, (attr) => {
    attr.writeUInt32LE(PROG_TYPE_SCHED_CLS, 0);
    attr.writeUInt32LE(RETURN_ZERO.length / 8, 4);
    putPointer(attr, 8, RETURN_ZERO);
    putPointer(attr, 16, LICENSE);
  });
  close(result);
}
