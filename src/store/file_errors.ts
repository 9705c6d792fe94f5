import { dirname } from 'node:path';
import { messageOf, TartanError } from '../errors.ts';

/** Primary result codes of SQLite (https://sqlite.org/rescode.html). */
const SQLITE = {
  PERM: 3,
  BUSY: 5,
  LOCKED: 6,
  READONLY: 8,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  NOTADB: 26,
} as const;

/** No room for the shared-memory file: a full disk by another name (https://sqlite.org/rescode.html#ioerr_shmsize). */
const IOERR_SHMSIZE = 4874;

/** Another process holds a lock that passes: worth trying again at once. */
export function isBusy(error: unknown): boolean {
  const code = primaryCode(error);
  return code === SQLITE.BUSY || code === SQLITE.LOCKED;
}

/** What SQLite or the file system threw, as an error for people. */
export function fileStoreError(path: string, error: unknown): TartanError {
  if (error instanceof TartanError) return error;
  const errno = (error as NodeJS.ErrnoException | null)?.code;
  if (errno === 'ENOSPC' || errno === 'EDQUOT' || extendedCode(error) === IOERR_SHMSIZE) {
    return diskFull(path, error);
  }
  switch (primaryCode(error)) {
    case SQLITE.BUSY:
    case SQLITE.LOCKED:
      return new TartanError(
        'STORE_UNAVAILABLE',
        `${path} is locked by another process`,
        `Find out who holds it (fuser -v ${path}), and try again.`,
        { cause: error },
      );
    case SQLITE.FULL:
      return diskFull(path, error);
    case SQLITE.NOTADB:
      return new TartanError(
        'STORE_FAILED',
        `${path} is not an SQLite database`,
        'Give another path, or move that file away.',
        { cause: error },
      );
    case SQLITE.CORRUPT:
    case SQLITE.IOERR:
      return new TartanError(
        'STORE_FAILED',
        `${path} cannot be read or written: ${messageOf(error)}`,
        `Look at the disk (dmesg) and at the file (sqlite3 ${path} 'PRAGMA integrity_check').`,
        { cause: error },
      );
    case SQLITE.PERM:
    case SQLITE.READONLY:
    case SQLITE.CANTOPEN:
      return unusableFile(path, error);
  }
  if (errno?.startsWith('E') && !errno.startsWith('ERR_')) return unusableFile(path, error);
  return new TartanError('STORE_FAILED', `${path}: ${messageOf(error)}`, 'Report this as a bug.', {
    cause: error,
  });
}

function diskFull(path: string, cause: unknown): TartanError {
  return new TartanError(
    'STORE_FAILED',
    `there is no space left for ${path}; nothing was written`,
    `Make room on its file system (df ${dirname(path)}), and try again.`,
    { cause },
  );
}

function unusableFile(path: string, cause: unknown): TartanError {
  return new TartanError(
    'FILE',
    `cannot open the store ${path}: ${messageOf(cause)}`,
    `Give a path in a folder that may be written, or run as the owner of ${dirname(path)}.`,
    { cause },
  );
}

function extendedCode(error: unknown): number {
  return (error as { errcode?: number } | null)?.errcode ?? 0;
}

function primaryCode(error: unknown): number {
  return extendedCode(error) & 0xff;
}
