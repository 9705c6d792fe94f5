import type { DatabaseSync } from 'node:sqlite';
import { TartanError } from '../errors.ts';

/** "TART" in ASCII, in the file's header: tells our files from other programs' databases. */
const APPLICATION_ID = 0x54415254;
const SCHEMA_VERSION = 1;

/** `expires_at` is milliseconds since 1970, NULL for never; an event whose `value` is NULL is a removal. */
const SCHEMA = `
  CREATE TABLE entries (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    revision INTEGER NOT NULL,
    expires_at INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX entries_by_expiry ON entries (expires_at) WHERE expires_at IS NOT NULL;
  CREATE TABLE events (
    revision INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT,
    expires_at INTEGER,
    PRIMARY KEY (revision, key)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE history (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL,
    trimmed_to INTEGER NOT NULL
  ) STRICT;
  INSERT INTO history (id, revision, trimmed_to) VALUES (1, 0, 0);
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/**
 * Brings an open database to our schema; one that is not ours is left as it is.
 * @throws TartanError `STORE_FAILED`: of another program, or of a newer tartan
 */
export function prepareSchema(database: DatabaseSync, path: string): void {
  // Before anything else: the journal mode is a write to the file, and it may not be ours.
  const isNew = checkSchema(database, path);
  useWriteAheadLog(database, path);
  database.exec('PRAGMA synchronous = FULL');
  if (isNew) createSchema(database, path);
}

/** @returns true if the file holds nothing yet */
function checkSchema(database: DatabaseSync, path: string): boolean {
  const applicationId = pragma(database, 'application_id');
  const version = pragma(database, 'user_version');
  if (applicationId === APPLICATION_ID) {
    if (version === SCHEMA_VERSION) return false;
    throw new TartanError(
      'STORE_FAILED',
      `${path} has schema version ${version}, and this tartan knows version ${SCHEMA_VERSION}`,
      'Update tartan on this machine, or give another path.',
    );
  }
  const tables = database.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.count;
  if (applicationId === 0 && version === 0 && tables === 0) return true;
  throw new TartanError(
    'STORE_FAILED',
    `${path} is an SQLite database of another program`,
    'Give another path, or move that file away.',
  );
}

function useWriteAheadLog(database: DatabaseSync, path: string): void {
  const mode = database.prepare('PRAGMA journal_mode = WAL').get()?.journal_mode;
  if (mode === 'wal') return;
  throw new TartanError(
    'STORE_FAILED',
    `${path} lies on a file system without shared memory (journal mode ${mode})`,
    'Give a path on a local disk: network file systems cannot hold this store.',
  );
}

function createSchema(database: DatabaseSync, path: string): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    // Another process may have been first, between our look and our lock.
    if (checkSchema(database, path)) database.exec(SCHEMA);
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}
