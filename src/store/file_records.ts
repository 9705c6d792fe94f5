import type { LeaseEvent, Snapshot, StoreUpdate } from './contract.ts';
import type { Sql } from './file_database.ts';
import { type KeyLayout, putEvent, removedEvent, type SubnetEntry, snapshotOf } from './keys.ts';

/** A row of `entries`. */
export interface EntryRow {
  readonly key: string;
  readonly value: string;
  readonly revision: number;
  /** Milliseconds since 1970; null: never. */
  readonly expires_at: number | null;
}

interface EventRow extends Omit<EntryRow, 'value'> {
  /** null: removed. */
  readonly value: string | null;
}

interface History {
  /** Revision of the last write. */
  readonly revision: number;
  /** Events up to this revision, inclusive, are gone. */
  readonly trimmed_to: number;
}

export function findEntry(sql: Sql, key: string): EntryRow | null {
  const row = sql('SELECT key, value, revision, expires_at FROM entries WHERE key = ?').get(key);
  return (row as EntryRow | undefined) ?? null;
}

export function entryOf(row: EntryRow): SubnetEntry {
  const { key, value, revision } = row;
  return {
    key,
    value,
    revision,
    expiresAt: row.expires_at === null ? 'never' : new Date(row.expires_at),
  };
}

/** All leases at the file's revision. */
export function readSnapshot(sql: Sql, layout: KeyLayout): Snapshot {
  const rows = sql(
    'SELECT key, value, revision, expires_at FROM entries WHERE key >= ? AND key < ? ORDER BY key',
  ).all(layout.subnets, layout.subnetsEnd) as unknown as EntryRow[];
  return snapshotOf(layout, rows.map(entryOf), readHistory(sql).revision);
}

/** What has happened since a revision: events where they are still known, else all there is; null for nothing. */
export function readUpdate(sql: Sql, layout: KeyLayout, from: number): StoreUpdate | null {
  const { revision, trimmed_to } = readHistory(sql);
  if (revision === from) return null;
  if (from < trimmed_to || from > revision) {
    return { type: 'snapshot', snapshot: readSnapshot(sql, layout) };
  }
  const rows = sql(
    `SELECT revision, key, value, expires_at FROM events
     WHERE revision > ? AND key >= ? AND key < ? ORDER BY revision, key`,
  ).all(from, layout.subnets, layout.subnetsEnd) as unknown as EventRow[];
  const events = rows.map((row) => eventOf(layout, row)).filter((event) => event !== null);
  return { type: 'events', events, revision };
}

function eventOf(layout: KeyLayout, row: EventRow): LeaseEvent | null {
  const { value } = row;
  if (value === null) return removedEvent(layout, row.key);
  return putEvent(layout, entryOf({ ...row, value }));
}

function readHistory(sql: Sql): History {
  return sql('SELECT revision, trimmed_to FROM history').get() as unknown as History;
}

/** Writes an entry and its event. @returns the write's revision */
export function putEntry(
  sql: Sql,
  entry: Omit<EntryRow, 'revision'>,
  historyRevisions: number,
): number {
  const revision = nextRevision(sql, historyRevisions);
  sql('INSERT OR REPLACE INTO entries (key, value, revision, expires_at) VALUES (?, ?, ?, ?)').run(
    entry.key,
    entry.value,
    revision,
    entry.expires_at,
  );
  insertEvent(sql, { ...entry, revision });
  return revision;
}

/** Removes entries in one revision, with an event for each. */
export function removeEntries(sql: Sql, keys: readonly string[], historyRevisions: number): void {
  if (keys.length === 0) return;
  const revision = nextRevision(sql, historyRevisions);
  for (const key of keys) {
    sql('DELETE FROM entries WHERE key = ?').run(key);
    insertEvent(sql, { revision, key, value: null, expires_at: null });
  }
}

export function expiredKeys(sql: Sql, nowMs: number): string[] {
  const rows = sql('SELECT key FROM entries WHERE expires_at <= ? ORDER BY key').all(nowMs);
  return rows.map((row) => String(row.key));
}

/** When the next entry expires, in milliseconds since 1970; null if none ever does. */
export function nextExpiry(sql: Sql): number | null {
  const row = sql('SELECT min(expires_at) AS next FROM entries WHERE expires_at IS NOT NULL').get();
  return (row?.next as number | null | undefined) ?? null;
}

function insertEvent(sql: Sql, event: EventRow): void {
  sql('INSERT INTO events (revision, key, value, expires_at) VALUES (?, ?, ?, ?)').run(
    event.revision,
    event.key,
    event.value,
    event.expires_at,
  );
}

function nextRevision(sql: Sql, historyRevisions: number): number {
  const row = sql(
    `UPDATE history SET revision = revision + 1,
       trimmed_to = max(trimmed_to, revision + 1 - ?) RETURNING revision, trimmed_to`,
  ).get(historyRevisions) as unknown as History;
  sql('DELETE FROM events WHERE revision <= ?').run(row.trimmed_to);
  return row.revision;
}
