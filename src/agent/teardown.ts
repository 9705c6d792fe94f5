import { TartanError } from '../errors.ts';
import { ownsLease } from '../lease/ownership.ts';
import { parseSubnetEnv } from '../lease/subnet_env.ts';
import { formatPrefix, parsePrefix } from '../net/prefix.ts';
import type { Op } from '../plan/op.ts';
import { nothing } from '../plan/state.ts';
import type { LeaseStore } from '../store/contract.ts';
import { readIfPresent, removeFile } from './atomic_file.ts';
import { type Converger, createConverger } from './converge.ts';
import { withLock } from './lock.ts';
import { identityOf } from './renew.ts';
import {
  type HostState,
  lockPath,
  networkNamespaceInode,
  readState,
  removeState,
  requireSameNamespace,
  statePath,
} from './state_file.ts';
import type { Places, World } from './world.ts';

export interface TeardownSettings extends Places {
  readonly keepLease: boolean;
}

/** What of the world `teardown` needs: the store is opened only once the host is clean. */
export type TeardownWorld = Pick<World, 'kernel' | 'lockFile' | 'log' | 'signal'> & {
  openStore(): Promise<LeaseStore>;
};

/** What `teardown` prints. */
export interface TeardownReport {
  /** The subnet that this host had, where that is known. */
  readonly subnet: string | null;
  readonly leaseRemoved: boolean;
  readonly changed: boolean;
}

/** What `teardown --dry-run` prints. */
export interface TeardownPreview {
  readonly subnet: string | null;
  /** Files that would be removed. */
  readonly files: readonly string[];
  readonly ops: readonly Op[];
}

/**
 * Removes all that `join` made: kernel objects, subnet.env, the lease, and last the state, so that a run that could not
 * give the lease back can be repeated. Again changes nothing.
 * @throws TartanError `STORE_UNAVAILABLE` when the host is clean and the lease is still there
 */
export async function teardown(
  world: TeardownWorld,
  settings: TeardownSettings,
): Promise<TeardownReport> {
  const { stateDir, network, keepLease } = settings;
  return withLock(world.lockFile, lockPath(stateDir, network), async () => {
    const { state, converger } = await examine(world, settings);
    const ops = await converger.converge(nothing);
    await world.kernel.sweep();
    const silenced = state !== null && (await removeSubnetFile(state));
    const leaseRemoved = state !== null && !keepLease && (await giveBack(world, state));
    const forgotten = await removeState(stateDir, network);
    const changed = ops.length > 0 || silenced || leaseRemoved || forgotten;
    return { subnet: state?.subnet ?? null, leaseRemoved, changed };
  });
}

/** What `teardown` would do. */
export async function previewTeardown(
  world: TeardownWorld,
  settings: TeardownSettings,
): Promise<TeardownPreview> {
  const { state, converger } = await examine(world, settings);
  const files = [
    ...(state !== null && (await isSubnetFileOf(state)) ? [state.subnetFile] : []),
    ...(state !== null ? [statePath(settings.stateDir, settings.network)] : []),
  ];
  return { subnet: state?.subnet ?? null, files, ops: await converger.plan(nothing) };
}

async function examine(
  world: TeardownWorld,
  { stateDir, network }: Places,
): Promise<{ state: HostState | null; converger: Converger }> {
  const path = statePath(stateDir, network);
  const state = await readState(path);
  requireSameNamespace(state, await networkNamespaceInode(), path);
  return { state, converger: createConverger(world.kernel, world.signal) };
}

async function removeSubnetFile(state: HostState): Promise<boolean> {
  return (await isSubnetFileOf(state)) && (await removeFile(state.subnetFile));
}

/** Another daemon may have written its own subnet there since. */
async function isSubnetFileOf({ subnetFile, subnet }: HostState): Promise<boolean> {
  const written = parseSubnetEnv((await readIfPresent(subnetFile)) ?? '').subnet;
  return written !== null && formatPrefix(written) === subnet;
}

async function giveBack(world: TeardownWorld, state: HostState): Promise<boolean> {
  try {
    const store = await world.openStore();
    if (store.description !== state.store) {
      world.log.warn(
        `joined with ${state.store}, but the lease is looked for in ${store.description}`,
      );
    }
    const lease = await store.get(parsePrefix(state.subnet));
    if (lease === null || !ownsLease(lease, identityOf(state))) return false;
    return await store.remove(lease);
  } catch (cause) {
    if (!(cause instanceof TartanError) || cause.code === 'INTERRUPTED') throw cause;
    throw new TartanError(
      cause.code,
      `this host is cleaned up, but its lease of ${state.subnet} was not given back: ${cause.message}`,
      `Run \`tartan teardown\` again when ${state.store} is there, or with --keep-lease to let the lease expire.`,
      { cause },
    );
  }
}
