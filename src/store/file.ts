import { encodeAttributes, encodeSubnetKey } from '../lease/codec.ts';
import type { Lease } from '../lease/lease.ts';
import type { Prefix } from '../net/prefix.ts';
import type { LeaseStore, TtlSeconds } from './contract.ts';
import { openFileDatabase, type Sql } from './file_database.ts';
import {
  type EntryRow,
  entryOf,
  expiredKeys,
  findEntry,
  putEntry,
  readSnapshot,
  removeEntries,
} from './file_records.ts';
import { watchFile } from './file_watch.ts';
import { DEFAULT_PREFIX, keyLayout, readEntry } from './keys.ts';

/** How far back a watch can go on; a watch from before gets a snapshot. */
const HISTORY_REVISIONS = 10_000;

export interface FileStoreOptions {
  /** The SQLite file; it and its folders are created where they are missing. */
  readonly path: string;
  /** Keys are the same as in etcd. Default `/coreos.com/network`. */
  readonly prefix?: string;
  /** How many revisions of history the file keeps. Default 10,000. */
  readonly historyRevisions?: number;
  /** Milliseconds since 1970. Default: the machine's clock. */
  readonly now?: () => number;
}

/**
 * Opens a store in an SQLite file, for the processes of one machine. Every write is on the disk before its promise
 * resolves. Leases end by the machine's clock, in the transaction of whoever looks first.
 * @throws TartanError `FILE` if the path cannot be used, `STORE_FAILED` if the file is not ours or the disk is full,
 * `STORE_UNAVAILABLE` if it stays locked
 */
export async function openFileStore(options: FileStoreOptions): Promise<LeaseStore> {
  const { path, now = Date.now, historyRevisions = HISTORY_REVISIONS } = options;
  const layout = keyLayout(options.prefix ?? DEFAULT_PREFIX);
  const database = await openFileDatabase(path);
  const closing = new AbortController();

  const expire = (sql: Sql) => removeEntries(sql, expiredKeys(sql, now()), historyRevisions);

  /** Reads what is live: if something has expired, that is written down first. */
  async function read<T>(use: (sql: Sql, reopened: number) => T): Promise<T> {
    const attempt = await database.read((sql, reopened) =>
      expiredKeys(sql, now()).length > 0 ? null : { result: use(sql, reopened) },
    );
    if (attempt !== null) return attempt.result;
    await database.write(expire);
    return database.read(use);
  }

  function write<T>(use: (sql: Sql) => T): Promise<T> {
    return database.write((sql) => {
      expire(sql);
      return use(sql);
    });
  }

  const subnetKey = (subnet: Prefix) => layout.subnets + encodeSubnetKey(subnet);
  const put = (sql: Sql, entry: Omit<EntryRow, 'revision'>) =>
    putEntry(sql, entry, historyRevisions);

  function putLease(
    sql: Sql,
    { subnet, attributes }: Pick<Lease, 'subnet' | 'attributes'>,
    ttl: TtlSeconds,
    value = encodeAttributes(attributes),
  ) {
    const expires_at = ttl === 'never' ? null : Math.round(now() + ttl * 1000);
    const revision = put(sql, { key: subnetKey(subnet), value, expires_at });
    const expiresAt = expires_at === null ? 'never' : new Date(expires_at);
    return { subnet, attributes, expiresAt, revision } satisfies Lease;
  }

  return {
    description: `file ${path}`,

    readConfig: () =>
      read((sql) => {
        const row = findEntry(sql, layout.config);
        return row && { text: row.value, revision: row.revision };
      }),

    writeConfig: (text, expected) =>
      write((sql) => {
        const found = findEntry(sql, layout.config);
        if ((found?.revision ?? null) !== (expected?.revision ?? null)) return false;
        put(sql, { key: layout.config, value: text, expires_at: null });
        return true;
      }),

    list: () => read((sql) => readSnapshot(sql, layout)),

    get: (subnet) =>
      read((sql) => {
        const row = findEntry(sql, subnetKey(subnet));
        if (row === null) return null;
        const found = readEntry(layout, entryOf(row));
        return 'lease' in found ? found.lease : null;
      }),

    create: (subnet, attributes, ttl) =>
      write((sql) => {
        if (findEntry(sql, subnetKey(subnet)) !== null) return null;
        return putLease(sql, { subnet, attributes }, ttl);
      }),

    renew: (lease, attributes, ttlSeconds) =>
      write((sql) => {
        const found = findEntry(sql, subnetKey(lease.subnet));
        if (found?.revision !== lease.revision) return null;
        const isReservation = found.expires_at === null;
        return putLease(sql, { ...lease, attributes }, isReservation ? 'never' : ttlSeconds);
      }),

    convert: (lease, ttl) =>
      write((sql) => {
        const found = findEntry(sql, subnetKey(lease.subnet));
        if (found?.revision !== lease.revision) return null;
        return putLease(sql, lease, ttl, found.value);
      }),

    remove: (lease) =>
      write((sql) => {
        const key = subnetKey(lease.subnet);
        if (findEntry(sql, key)?.revision !== lease.revision) return false;
        removeEntries(sql, [key], historyRevisions);
        return true;
      }),

    watch: (from, signal) =>
      watchFile({
        path,
        layout,
        read,
        now,
        from,
        signal: AbortSignal.any([signal, closing.signal]),
      }),

    async close() {
      closing.abort();
      database.close();
    },
  };
}
