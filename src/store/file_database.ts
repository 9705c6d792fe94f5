import { closeSync, openSync, type Stats, statSync, utimesSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { TartanError } from '../errors.ts';
import { makeFolders } from '../folders.ts';
import { fileStoreError, isBusy } from './file_errors.ts';
import { prepareSchema } from './file_schema.ts';

/** How long SQLite itself waits for a lock: short, because it blocks the whole process meanwhile. */
const BLOCKING_WAIT_MS = 100;
/** How long a call waits for a lock in all. */
const LOCK_LIMIT_MS = 5_000;
const LOCK_RETRY_MS = 10;

/** What runs inside one transaction: statements by their text, prepared once a connection. */
export type Sql = (text: string) => StatementSync;

/** One SQLite file, opened by this process and perhaps by others. */
export interface FileDatabase {
  readonly path: string;
  /** Everything in `use` sees one state of the file. `reopened` counts how often another file took its place. */
  read<T>(use: (sql: Sql, reopened: number) => T): Promise<T>;
  /** All of `use` happens or nothing does; what has happened survives the process and the machine. */
  write<T>(use: (sql: Sql) => T): Promise<T>;
  close(): void;
}

/**
 * Opens the file, or creates it and its folders.
 * @throws TartanError `FILE`, `STORE_FAILED`; `STORE_UNAVAILABLE` if it stays locked for 5 s
 */
export async function openFileDatabase(path: string): Promise<FileDatabase> {
  let connection = await retryWhileBusy(path, () => {
    createFile(path);
    return connect(path);
  });
  let reopened = 0;
  let closed = false;

  /** A backup may have been moved into place, and a write to the old file would be lost. */
  const current = (): Connection => {
    if (closed) throw new TartanError('INTERNAL', `${path} is closed`, 'Report this as a bug.');
    const now = statFile(path);
    if (now.ino === connection.file.ino && now.dev === connection.file.dev) return connection;
    connection.database.close();
    connection = connect(path);
    reopened += 1;
    return connection;
  };

  return {
    path,
    read: (use) =>
      retryWhileBusy(path, () => {
        const { database, sql } = current();
        return inTransaction(database, 'BEGIN', () => use(sql, reopened));
      }),
    write: (use) =>
      retryWhileBusy(path, () => {
        const { database, sql } = current();
        const result = inTransaction(database, 'BEGIN IMMEDIATE', () => use(sql));
        announce(path);
        return result;
      }),
    close() {
      if (closed) return;
      closed = true;
      connection.database.close();
    },
  };
}

interface Connection {
  readonly database: DatabaseSync;
  readonly file: Stats;
  readonly sql: Sql;
}

/** Mode 0600: a network config may hold a pre-shared key. SQLite gives its side files the same mode. */
function createFile(path: string): void {
  makeFolders(dirname(path));
  closeSync(openSync(path, 'a', 0o600));
}

function connect(path: string): Connection {
  const file = statFile(path);
  const database = new DatabaseSync(path, { timeout: BLOCKING_WAIT_MS });
  try {
    prepareSchema(database, path);
  } catch (error) {
    database.close();
    throw error;
  }
  const statements = new Map<string, StatementSync>();
  const sql: Sql = (text) => {
    const known = statements.get(text);
    if (known !== undefined) return known;
    const statement = database.prepare(text);
    statements.set(text, statement);
    return statement;
  };
  return { database, file, sql };
}

function statFile(path: string): Stats {
  const file = statSync(path, { throwIfNoEntry: false });
  if (file !== undefined) return file;
  throw new TartanError(
    'STORE_UNAVAILABLE',
    `the store ${path} was removed`,
    'Put the file back; the next tartan join would start an empty one.',
  );
}

function inTransaction<T>(database: DatabaseSync, begin: string, use: () => T): T {
  database.exec(begin);
  try {
    const result = use();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/**
 * Wakes watching processes. The write to the log has woken them already, but before the commit could be seen: it is
 * published in shared memory, of which inotify knows nothing.
 */
function announce(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // Not the file's owner: they find the commit at their next look, milliseconds later.
  }
}

async function retryWhileBusy<T>(path: string, attempt: () => T): Promise<T> {
  const giveUpAt = performance.now() + LOCK_LIMIT_MS;
  for (;;) {
    try {
      return attempt();
    } catch (error) {
      if (!isBusy(error) || performance.now() > giveUpAt) throw fileStoreError(path, error);
    }
    await delay(LOCK_RETRY_MS * (0.5 + Math.random()));
  }
}
