import { messageOf, TartanError } from '../errors.ts';
import { SystemError } from '../sys/libc.ts';

/** What the kernel refuses, for people; what is told already stays as it is. */
export function kernelError(what: string, cause: unknown, hint?: string): TartanError {
  if (cause instanceof TartanError) return cause;
  return new TartanError(
    'KERNEL',
    `${what}: ${messageOf(cause)}`,
    hint ?? 'See `dmesg`; run the command again once the reason is gone.',
    { cause },
  );
}

/** Reads of the kernel. @throws TartanError `KERNEL` for what it refuses */
export async function reading<T>(what: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw kernelError(what, error);
  }
}
