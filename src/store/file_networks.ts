import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, TartanError } from '../errors.ts';
import { isNetworkName } from '../lease/network_name.ts';
import type { NetworkDirectory } from './contract.ts';
import { openFileStore } from './file.ts';

const ENDING = '.db';

/** The store of one of the networks in a folder. */
export function networkFile(folder: string, name: string): string {
  return join(folder, `${name}${ENDING}`);
}

/** The networks whose embedded stores lie in a folder, a file each. */
export function openFileNetworks(folder: string): NetworkDirectory {
  return {
    description: `the folder ${folder}`,
    async list() {
      const files = await readdir(folder).catch((cause: unknown) => {
        throw new TartanError(
          'STORE_UNAVAILABLE',
          `cannot read the folder ${folder}: ${messageOf(cause)}`,
          'Make it, and in it a store for each network: `tartan init-config --store file:…/blue.db`.',
          { cause },
        );
      });
      const names = files
        .filter((file) => file.endsWith(ENDING))
        .map((file) => file.slice(0, -ENDING.length))
        .filter(isNetworkName)
        .sort();
      const there = await Promise.all(names.map((name) => hasConfig(networkFile(folder, name))));
      return names.filter((_, at) => there[at]);
    },
    async close() {},
  };
}

/** One that cannot be read is there: whoever takes part in its network tells what is wrong. */
async function hasConfig(path: string): Promise<boolean> {
  try {
    const store = await openFileStore({ path });
    try {
      return (await store.readConfig()) !== null;
    } finally {
      await store.close();
    }
  } catch {
    return true;
  }
}
