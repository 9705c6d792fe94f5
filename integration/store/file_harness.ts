import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { LeaseStore } from '../../src/store/contract.ts';
import { type FileStoreOptions, openFileStore } from '../../src/store/file.ts';
import { openFileDatabase, type Sql } from '../../src/store/file_database.ts';
import { putEntry, removeEntries } from '../../src/store/file_records.ts';
import type { StoreHarness } from './contract_harness.ts';

const PREFIX = '/coreos.com/network';
const HISTORY = 10_000;

/** A folder of its own, with a store in it. */
export function fileHarness(
  options: Omit<FileStoreOptions, 'path'> = {},
): StoreHarness & { readonly folder: string; readonly path: string } {
  const folder = mkdtempSync(join(tmpdir(), 'tartan-store-'));
  const path = join(folder, 'net.db');
  const opened: LeaseStore[] = [];

  async function writeRaw(use: (sql: Sql) => void): Promise<void> {
    const database = await openFileDatabase(path);
    await database.write(use);
    database.close();
  }

  return {
    folder,
    path,
    async open() {
      const store = await openFileStore({ path, ...options });
      opened.push(store);
      return store;
    },
    putRaw: (key, value) =>
      writeRaw((sql) => {
        putEntry(sql, { key: `${PREFIX}/subnets/${key}`, value, expires_at: null }, HISTORY);
      }),
    removeRaw: (key) =>
      writeRaw((sql) => removeEntries(sql, [`${PREFIX}/subnets/${key}`], HISTORY)),
    async readRaw(key) {
      const database = new DatabaseSync(path, { readOnly: true });
      const row = database
        .prepare('SELECT value FROM entries WHERE key = ?')
        .get(`${PREFIX}/${key}`);
      database.close();
      return (row?.value as string | undefined) ?? null;
    },
    async [Symbol.asyncDispose]() {
      for (const store of opened) await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
