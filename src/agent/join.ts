import type { Decision, Mode } from '../backend/contract.ts';
import type { Lease } from '../lease/lease.ts';
import { formatPrefix } from '../net/prefix.ts';
import type { Op } from '../plan/op.ts';
import { type LeasePlan, planLease } from './acquire.ts';
import { type Converger, createConverger } from './converge.ts';
import { chooseDataplane } from './dataplane.ts';
import { withLock } from './lock.ts';
import { leaseLost, successorOf } from './renewal.ts';
import { desiredState, type Settled, settle } from './settle.ts';
import {
  leavingNoTrace,
  lockPath,
  networkNamespaceInode,
  recallState,
  requireSamePlace,
  statePath,
} from './state_file.ts';
import { runSubnetHook } from './subnet_change.ts';
import { leaseRequest, type Survey, survey } from './survey.ts';
import type { MemberSettings, World } from './world.ts';

/** What `join` prints. Keys may be added, never renamed. */
export interface JoinReport {
  readonly network: string;
  readonly subnet: string;
  readonly publicIp: string;
  /** The underlay interface. */
  readonly interface: string;
  readonly mtu: number;
  readonly backend: string;
  readonly mode: Mode;
  /** Why it is kernel or user mode: what cannot be had here; null: nothing, or the mode was asked for. */
  readonly modeReason: string | null;
  /** ISO 8601; null for a reservation, which never ends. */
  readonly leaseExpires: string | null;
  readonly peers: number;
  /** The subnet that subnet.env had before; null: the same, or none. */
  readonly formerSubnet: string | null;
  readonly changed: boolean;
}

/** What `join --dry-run` prints. */
export interface JoinPreview {
  readonly lease: {
    readonly action: LeasePlan['action'];
    readonly subnet: string;
    /** Own leases that would be given back because they do not fit the config any more. */
    readonly remove: readonly string[];
  };
  readonly ops: readonly Op[];
}

/**
 * Takes a lease (or keeps or renews this host's) and makes the host a member of the network. Again changes nothing.
 * What cannot work (a foreign device, an address that cannot be) is found before the lease is taken.
 */
export async function join(world: World, settings: MemberSettings): Promise<JoinReport> {
  const work = async () => {
    const { found, converger, plan } = await preview(world, settings);
    const settled = await settle(world, settings, found, converger, plan);
    await tellOfChange(world, settings, settled);
    return reportOf(settled);
  };
  const lock = lockPath(settings.stateDir, settings.network);
  return withLock(world.lockFile, lock, () => leavingNoTrace(settings, work));
}

/** What `join` would do. Changes nothing, neither here nor in the store. */
export async function previewJoin(world: World, settings: MemberSettings): Promise<JoinPreview> {
  const { plan, ops } = await preview(world, settings);
  const { action, subnet, remove } = plan;
  const removed = remove.map((lease) => formatPrefix(lease.subnet));
  return { lease: { action, subnet: formatPrefix(subnet), remove: removed }, ops };
}

/** The host as it is, and what would be done. */
export interface Preview {
  readonly found: Survey;
  readonly converger: Converger;
  readonly plan: LeasePlan;
  /** The lease as it would be. */
  readonly own: Lease;
  readonly decision: Decision;
  readonly ops: readonly Op[];
}

/** Looks, and decides. Changes nothing, neither here nor in the store. */
export async function preview(world: World, settings: MemberSettings): Promise<Preview> {
  const { stateDir, network, bpffs } = settings;
  const path = statePath(stateDir, network);
  const state = await recallState(path, world.log);
  requireSamePlace(state, await networkNamespaceInode(), { path, bpffs, network });
  const converger = createConverger(world.kernel, world.signal);
  // Both ask other processes: so at the same time. What stands in the way of both modes is told first.
  const choice = chooseDataplane(world.kernel, settings.dataplane);
  choice.catch(() => {});
  await converger.observe();
  const dataplane = await choice;
  const found = await survey(world, settings, converger, dataplane);
  const plan = await planLease(await leaseRequest(world, settings, found));
  const own = leaseOf(plan);
  const decision = desiredState(found, own, plan.snapshot.leases);
  const ops = await converger.plan(decision);
  return { found, converger, plan, own, decision, ops };
}

/** The lease as it would be. */
function leaseOf({ held, subnet, attributes }: LeasePlan): Lease {
  if (held !== null) return { ...held, attributes };
  return { subnet, attributes, expiresAt: 'unknown', revision: 0 };
}

/** Pods have addresses of the former subnet: somebody must know. */
async function tellOfChange(
  { log, signal }: World,
  { onSubnetChange }: MemberSettings,
  { change, lease, snapshot }: Settled,
): Promise<void> {
  if (change === null) return;
  const { former } = change;
  const successor = successorOf(snapshot.leases, former, lease);
  const why = successor === null ? '' : `: ${leaseLost(former, successor).message}`;
  log.warn(
    `the subnet of this host is ${formatPrefix(lease.subnet)}, no longer ${formatPrefix(former)}${why}`,
  );
  if (onSubnetChange === null) return;
  const failure = await runSubnetHook(onSubnetChange, change, signal);
  if (failure !== null) log.warn(failure);
}

function reportOf({ found, lease, desired, mtu, change, changed }: Settled): JoinReport {
  const { config, node, backend } = found;
  return {
    network: formatPrefix(config.network),
    subnet: formatPrefix(lease.subnet),
    publicIp: lease.attributes.publicIp,
    interface: node.interface.name,
    mtu,
    backend: backend.type,
    mode: desired.mode,
    modeReason: desired.mode === 'kernel' || desired.mode === 'user' ? node.dataplane.reason : null,
    leaseExpires: lease.expiresAt instanceof Date ? lease.expiresAt.toISOString() : null,
    peers: desired.reached,
    formerSubnet: change && formatPrefix(change.former),
    changed,
  };
}
