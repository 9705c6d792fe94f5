/** `disk_full.ts FOLDER`: fills the folder's small file system through a store, and prints as JSON how it went. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TartanError } from '../../src/errors.ts';
import { openFileStore } from '../../src/store/file.ts';
import { DAY_SECONDS, subnet, vxlanAttributes } from './fixtures.ts';

const path = join(process.argv[2] ?? '', 'net.db');
const ballast = join(process.argv[2] ?? '', 'ballast');
let created = 0;
try {
  writeFileSync(ballast, Buffer.alloc(32_768));
  for (; ; created++) {
    // Opened each time, as commands do: this also fills the main file, not its log alone.
    const store = await openFileStore({ path });
    try {
      await store.create(subnet(created), vxlanAttributes(created), DAY_SECONDS);
    } finally {
      await store.close();
    }
  }
} catch (error) {
  const { code, message } = error as TartanError;
  const result = { created, code, message };
  console.log(
    JSON.stringify(created === 0 ? await refused() : { ...result, ...(await recover()) }),
  );
}

async function refused(): Promise<object> {
  const error = await openFileStore({ path }).then(
    () => null,
    (reason: TartanError) => reason,
  );
  return { created, code: error?.code, message: error?.message };
}

/** What is there once there is room again. */
async function recover(): Promise<object> {
  rmSync(ballast);
  const store = await openFileStore({ path });
  const kept = (await store.list()).leases.length;
  const createdAfterwards =
    (await store.create(subnet(60_000), vxlanAttributes(1), DAY_SECONDS)) !== null;
  await store.close();
  const database = new DatabaseSync(path);
  const integrity = database.prepare('PRAGMA integrity_check').get()?.integrity_check;
  database.close();
  return { kept, createdAfterwards, integrity };
}
