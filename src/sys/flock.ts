/** Advisory locks that the kernel releases with the process, however it dies: flock(2). */
import { closeSync, openSync } from 'node:fs';
import { koffi, libc, SystemError } from './libc.ts';

const LOCK_EX = 2;
const LOCK_NB = 4;

const flock = libc.func('int flock(int, int)') as (fd: number, operation: number) => number;

export interface FileLock {
  release(): void;
}

/**
 * Takes the exclusive lock on a file, which is made if it is missing.
 * @returns null: another process holds it
 */
export function lockFile(path: string): FileLock | null {
  const fd = openSync(path, 'a', 0o600);
  if (flock(fd, LOCK_EX | LOCK_NB) === 0) return { release: () => closeSync(fd) };
  const error = new SystemError(`flock ${path}`, koffi.errno());
  closeSync(fd);
  if (error.errno === 'EAGAIN' || error.errno === 'EWOULDBLOCK') return null;
  throw error;
}
