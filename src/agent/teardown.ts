import { TartanError } from '../errors.ts';
import { parseSubnetEnv } from '../lease/subnet_env.ts';
import { formatPrefix } from '../net/prefix.ts';
import type { Op } from '../plan/op.ts';
import { type DesiredState, nothing } from '../plan/state.ts';
import type { LeaseStore } from '../store/contract.ts';
import { readIfPresent, removeFile, removeUnfinished } from './atomic_file.ts';
import { type Converger, createConverger } from './converge.ts';
import { removeEndpointFile } from './endpoint_file.ts';
import { warnOfUnreadable } from './forwarding.ts';
import { giveBackLease } from './give_back.ts';
import { withLock } from './lock.ts';
import { type FormerMember, recollect } from './recollect.ts';
import {
  leavingNoTrace,
  lockPath,
  networkNamespaceInode,
  recallState,
  removeState,
  requireSamePlace,
  statePath,
} from './state_file.ts';
import type { Places, World } from './world.ts';

export interface TeardownSettings extends Places {
  readonly keepLease: boolean;
}

/** What of the world `teardown` needs: the store is opened only once the host is clean. */
export type TeardownWorld = Pick<World, 'kernel' | 'host' | 'lockFile' | 'log' | 'signal'> & {
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
 * give the lease back can be repeated. A reservation stays, which `join` did not make. Again changes nothing.
 * @throws TartanError `STORE_UNAVAILABLE` when the host is clean and the lease is still there
 */
export async function teardown(
  world: TeardownWorld,
  settings: TeardownSettings,
): Promise<TeardownReport> {
  const { stateDir, network, keepLease } = settings;
  const work = async () => {
    const { member, converger } = await examine(world, settings);
    warnOfUnreadable((await converger.observe()).forwardChains, world.log);
    const ops = await converger.converge(nothingOf(member));
    await world.kernel.sweep();
    const unlisted = await removeEndpointFile(settings);
    const silenced = member !== null && (await removeSubnetFile(member));
    const leaseRemoved = member !== null && !keepLease && (await giveBack(world, member));
    const forgotten = await removeState(stateDir, network);
    const changed = ops.length > 0 || unlisted || silenced || leaseRemoved || forgotten;
    return { subnet: member?.subnet ?? null, leaseRemoved, changed };
  };
  const lock = lockPath(stateDir, network);
  return withLock(world.lockFile, lock, () => leavingNoTrace(settings, work));
}

/** What `teardown` would do. */
export async function previewTeardown(
  world: TeardownWorld,
  settings: TeardownSettings,
): Promise<TeardownPreview> {
  const { member, converger } = await examine(world, settings);
  const files = [
    ...(member !== null && (await isSubnetFileOf(member)) ? [member.subnetFile] : []),
    ...(member !== null && member.store !== null
      ? [statePath(settings.stateDir, settings.network)]
      : []),
  ];
  return { subnet: member?.subnet ?? null, files, ops: await converger.plan(nothingOf(member)) };
}

/** Nothing, of the network that the host was a member of. */
function nothingOf(member: FormerMember | null): DesiredState {
  return { ...nothing, network: member?.network ?? null };
}

async function examine(
  world: TeardownWorld,
  { stateDir, network, bpffs, subnetFile }: Places,
): Promise<{ member: FormerMember | null; converger: Converger }> {
  const path = statePath(stateDir, network);
  const remembered = await recallState(path, world.log);
  requireSamePlace(remembered, await networkNamespaceInode(), { path, bpffs, network });
  const converger = createConverger(world.kernel, world.signal);
  const member = remembered ?? (await recollect(await converger.observe(), subnetFile, world.host));
  return { member, converger };
}

async function removeSubnetFile(member: FormerMember): Promise<boolean> {
  const { subnetFile } = member;
  if (await isSubnetFileOf(member)) return removeFile(subnetFile);
  return removeUnfinished(subnetFile);
}

/** Another daemon may have written its own subnet there since. */
async function isSubnetFileOf({ subnetFile, subnet }: FormerMember): Promise<boolean> {
  const written = parseSubnetEnv((await readIfPresent(subnetFile)) ?? '').subnet;
  return written !== null && formatPrefix(written) === subnet;
}

async function giveBack(world: TeardownWorld, member: FormerMember): Promise<boolean> {
  try {
    const store = await world.openStore();
    if (member.store !== null && store.description !== member.store) {
      world.log.warn(
        `joined with ${member.store}, but the lease is looked for in ${store.description}`,
      );
    }
    return await giveBackLease(store, member);
  } catch (cause) {
    if (!(cause instanceof TartanError) || cause.code === 'INTERRUPTED') throw cause;
    throw new TartanError(
      // A store that is not there is one that may come back.
      cause.code === 'CONFIG_MISSING' ? 'STORE_UNAVAILABLE' : cause.code,
      `this host is cleaned up, but its lease of ${member.subnet} was not given back: ${cause.message}`,
      `Run \`tartan teardown\` again when ${member.store ?? 'the store'} is there, or with --keep-lease to let the lease expire.`,
      { cause },
    );
  }
}
