/** The stores that a server offers, by network. */
import type { Options } from '../src/cli/options.ts';
import { UNNAMED } from '../src/lease/network_name.ts';
import type { LeaseStore } from '../src/store/contract.ts';
import type { Context } from './process.ts';
import { openEtcd, openOwnStore } from './wire.ts';

/** Each has a connection and a watch of its own. */
const MOST_NAMED = 64;

export type ServedStores = (network: string) => Promise<LeaseStore | null>;

/** In etcd, a network that has a config below the prefix is served by its name: `<prefix>/<network>`, as flannel has it. */
export async function openServedStores({ options, defer }: Context): Promise<ServedStores> {
  const unnamed = await openOwnStore(options, false);
  defer(unnamed);
  const named = new Map<string, LeaseStore>();
  return async (network) => {
    if (network === UNNAMED) return unnamed;
    const known = named.get(network);
    if (known !== undefined || options.store !== null || named.size >= MOST_NAMED) {
      return known ?? null;
    }
    const found = await openIfThere(options, network);
    const meanwhile = named.get(network);
    if (found === null || meanwhile !== undefined) {
      await found?.close();
      return meanwhile ?? null;
    }
    named.set(network, found);
    defer(found);
    return found;
  };
}

/** Whoever asks for a name must not make the server keep anything for it. */
async function openIfThere(options: Options, network: string): Promise<LeaseStore | null> {
  const prefix = options['etcd-prefix'].replace(/\/+$/, '');
  const store = await openEtcd(options, `${prefix}/${network}`);
  const config = await store.readConfig().catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  if (config !== null) return store;
  await store.close();
  return null;
}
