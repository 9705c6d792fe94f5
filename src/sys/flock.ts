/** Advisory locks that the kernel releases with the process, however it dies: flock(2). */
import { closeSync, fstatSync, openSync, statSync } from 'node:fs';
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
  for (;;) {
    const fd = openSync(path, 'a', 0o600);
    if (flock(fd, LOCK_EX | LOCK_NB) !== 0) {
      const error = new SystemError(`flock ${path}`, koffi.errno());
      closeSync(fd);
      if (error.errno === 'EAGAIN' || error.errno === 'EWOULDBLOCK') return null;
      throw error;
    }
    if (isStillAt(fd, path)) return { release: () => closeSync(fd) };
    closeSync(fd);
  }
}

/** Whoever held the lock may have removed the file between our open and our lock: then it locks nobody out. */
function isStillAt(fd: number, path: string): boolean {
  const there = statSync(path, { throwIfNoEntry: false });
  const ours = fstatSync(fd);
  return there?.ino === ours.ino && there.dev === ours.dev;
}
