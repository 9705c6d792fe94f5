import { parsePrefix, prefixesEqual } from '../net/prefix.ts';
import { createConverger } from './converge.ts';
import { chooseDataplane } from './dataplane.ts';
import { acquiredDetail, createHerald, leaseDetail, whyLost } from './events.ts';
import { keepInStep } from './keep_in_step.ts';
import { withLock } from './lock.ts';
import { requireJoined } from './renew.ts';
import { settle } from './settle.ts';
import {
  type HostState,
  lockPath,
  networkNamespaceInode,
  readState,
  requireSamePlace,
  statePath,
} from './state_file.ts';
import { createHookQueue } from './subnet_change.ts';
import { survey } from './survey.ts';
import type { WatchSettings, WatchWorld } from './world.ts';

/**
 * Keeps a joined host in step with the store and its own kernel, until the signal aborts. The dataplane goes on
 * afterwards.
 * @throws TartanError `LEASE_LOST` if the host has not joined, and whatever keeps it from starting; later troubles are
 * events, and tried again
 */
export async function watch(world: WatchWorld, settings: WatchSettings): Promise<void> {
  const { stateDir, network, bpffs } = settings;
  const path = statePath(stateDir, network);
  const state = requireJoined(await readState(path), path);
  requireSamePlace(state, await networkNamespaceInode(), { path, bpffs, network });
  try {
    const lock = lockPath(stateDir, network);
    await withLock(world.lockFile, lock, () => start(world, settings, state));
  } catch (error) {
    if (!world.signal.aborted) throw error;
  }
}

async function start(world: WatchWorld, settings: WatchSettings, state: HostState): Promise<void> {
  const herald = createHerald(world.emit, world.now);
  const converger = createConverger(world.kernel, world.signal);
  const choice = await chooseDataplane(world.kernel, settings.dataplane);
  const surveyed = await survey(world, settings, converger, choice);
  const settled = await settle(world, settings, surveyed, converger);
  const { found, lease, action } = settled;
  const tellChange = createHookQueue(settings.onSubnetChange, world.signal, (message) =>
    herald.tell('error', { message }),
  );
  const { subnet, publicIp } = state;
  const former = parsePrefix(subnet);
  if (action === 'create') {
    const message = whyLost(lease, former, settled.snapshot.leases);
    herald.tell('lost', { subnet, publicIp, ...(message !== null && { message }) });
  }
  if (action === 'create' || !prefixesEqual(lease.subnet, former)) {
    herald.tell('acquired', acquiredDetail(lease, former, settled.snapshot.leases));
  } else if (action === 'renew') herald.tell('renewed', leaseDetail(lease));
  tellChange(settled.change);
  for (const message of settled.desired.failures ?? []) herald.tell('error', { message });
  herald.tell('synced', { message: `${settled.desired.reached} peers` });
  await keepInStep(
    {
      world,
      // The mode of the start stays: one that came and went with the host's condition would cut connections.
      settings: { ...settings, dataplane: found.node.dataplane.kind },
      herald,
      converger,
      found,
      own: lease,
      attributes: lease.attributes,
      learnt: settled.learnt,
      haste: Math.random(),
      writtenAt: Number.NEGATIVE_INFINITY,
      writing: false,
      heard: false,
      considered: 0,
      mode: settled.desired.mode,
      tellChange,
      lost: false,
      resynced: false,
      warnings: settled.desired.warnings,
      failures: settled.desired.failures ?? [],
      pending: [],
    },
    settled.snapshot,
  );
}
