/** The C library: the few bare calls that Node has no name for. */
import { constants } from 'node:os';
import koffi from 'koffi';

const libc = koffi.load('libc.so.6');

/** `syscall(2)` with three arguments; the buffer's address is passed as it is. */
export const syscall3 = libc.func('long syscall(long, int, void *, uint32_t)') as (
  number: number,
  first: number,
  buffer: Buffer,
  size: number,
) => number;

/** `close(2)`. */
export const close = libc.func('int close(int)') as (fd: number) => number;

const errnoNames = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/** A failed system call. `errno` is the name, as in `ENOENT`. */
export class SystemError extends Error {
  readonly errno: string;
  readonly call: string;

  constructor(call: string, number: number) {
    const errno = errnoNames.get(number) ?? `errno ${number}`;
    super(`${call}: ${errno}`);
    this.name = 'SystemError';
    this.errno = errno;
    this.call = call;
  }
}

/** Throws a {@link SystemError} if a call returned a negative number. */
export function checked(call: string, result: number): number {
  if (result < 0) throw new SystemError(call, koffi.errno());
  return result;
}

/** Whether the last call failed for the moment only: nothing is there, there is no room, or a signal came. */
export function isPassing(): boolean {
  const number = koffi.errno();
  return number === constants.errno.EAGAIN || number === constants.errno.EINTR;
}

/** The address of a buffer's bytes, for structs that hold pointers. The buffer must outlive the call. */
export function addressOf(buffer: Uint8Array): bigint {
  return koffi.address(buffer);
}

export { koffi, libc };
