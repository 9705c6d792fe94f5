import { dirname } from 'node:path';
import { messageOf, TartanError } from '../errors.ts';
import { makeFolders } from '../folders.ts';

/** A lock that is held until it is released or its process ends. */
export interface FileLock {
  release(): void;
}

/** Takes an exclusive lock on the file, making it if need be; null if another process holds it. */
export type LockFile = (path: string) => FileLock | null | Promise<FileLock | null>;

/**
 * Runs the work while nobody else works on the same network of this host.
 * @throws TartanError `BUSY` if somebody does
 */
export async function withLock<T>(
  lockFile: LockFile,
  path: string,
  work: () => Promise<T>,
): Promise<T> {
  const lock = await takeLock(lockFile, path);
  if (lock === null) {
    throw new TartanError(
      'BUSY',
      `another tartan is at work on this network: it holds ${path}`,
      'Wait until it is done; if `tartan watch` is running, it keeps the host in step: stop it first.',
    );
  }
  try {
    return await work();
  } finally {
    lock.release();
  }
}

/** null: another process holds it. @throws TartanError `FILE` */
export async function takeLock(lockFile: LockFile, path: string): Promise<FileLock | null> {
  try {
    makeFolders(dirname(path));
    return await lockFile(path);
  } catch (cause) {
    throw new TartanError(
      'FILE',
      `cannot lock ${path}: ${messageOf(cause)}`,
      'Give another folder with --state-dir.',
      { cause },
    );
  }
}
