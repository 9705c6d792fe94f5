import type { Backend } from '../backend/contract.ts';
import { TartanError } from '../errors.ts';
import { parseConfig } from '../lease/config.ts';
import { formatPrefix } from '../net/prefix.ts';
import type { LeaseStore } from '../store/contract.ts';

export interface InitConfigSettings {
  /** The config as it is to stand in the store. */
  readonly text: string;
  /** Replace a different one. */
  readonly force: boolean;
  readonly dryRun: boolean;
}

/** What `init-config` prints. */
export interface InitConfigReport {
  readonly network: string;
  readonly subnetLength: number;
  readonly backend: string;
  /** Whether the store's config changed (or would change). */
  readonly changed: boolean;
}

/**
 * Checks a config and writes it, byte for byte. The store is opened only for a config that is good.
 * @param backendFor throws for a backend that is not built
 * @throws TartanError `CONFIG_INVALID`, `CONFIG_EXISTS`
 */
export async function initConfig(
  openStore: () => Promise<LeaseStore>,
  backendFor: (type: string) => Backend,
  settings: InitConfigSettings,
): Promise<InitConfigReport> {
  const { network, subnetLength, backend } = parseConfig(settings.text);
  backendFor(backend.type);
  const changed = await putConfig(openStore, settings);
  return { network: formatPrefix(network), subnetLength, backend: backend.type, changed };
}

/** @returns whether it changed, or would */
async function putConfig(
  openStore: () => Promise<LeaseStore>,
  { text, force, dryRun }: InitConfigSettings,
): Promise<boolean> {
  const store = await openStore().catch((error: unknown) => {
    if (dryRun && error instanceof TartanError && error.code === 'CONFIG_MISSING') return null;
    throw error;
  });
  // A store that would have to be made first.
  if (store === null) return true;
  const current = await store.readConfig();
  if (current?.text === text) return false;
  if (current !== null && !force) throw configExists(store);
  if (!dryRun && !(await store.writeConfig(text, current))) throw configExists(store);
  return true;
}

function configExists({ description }: LeaseStore): TartanError {
  return new TartanError(
    'CONFIG_EXISTS',
    `${description} holds a different network config already`,
    'Give --force to replace it; hosts that have joined take it up at their next join.',
  );
}
