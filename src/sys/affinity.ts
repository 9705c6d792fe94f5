/** Which CPUs this thread may run on: sched_setaffinity(2), of a mask of 1,024 CPUs. */
import { checked, libc } from './libc.ts';

const MASK_BYTES = 128;
const THIS_THREAD = 0;

type Call = (pid: number, size: number, mask: Buffer) => number;
const getAffinity = libc.func('int sched_getaffinity(int, size_t, void *)') as Call;
const setAffinity = libc.func('int sched_setaffinity(int, size_t, void *)') as Call;

/** Keeps this thread on the first CPU that it may run on, until disposed. */
export function stayOnOneCpu(): Disposable {
  const before = Buffer.alloc(MASK_BYTES);
  checked('sched_getaffinity', getAffinity(THIS_THREAD, MASK_BYTES, before));
  const only = Buffer.alloc(MASK_BYTES);
  const at = before.findIndex((byte) => byte !== 0);
  const byte = before[at] ?? 0;
  only[at] = byte & -byte;
  checked('sched_setaffinity', setAffinity(THIS_THREAD, MASK_BYTES, only));
  return {
    [Symbol.dispose]: () => void setAffinity(THIS_THREAD, MASK_BYTES, before),
  };
}
