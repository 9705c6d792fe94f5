import type { Decision, Mode } from '../backend/contract.ts';
import type { Lease, LeaseAttributes } from '../lease/lease.ts';
import { isOfHost, ownsLease } from '../lease/ownership.ts';
import { type PeerChange, sameAttributes } from '../lease/peers.ts';
import { formatPrefix } from '../net/prefix.ts';
import type { Moment } from './clocks.ts';
import type { Converger } from './converge.ts';
import { pruneEndpoints, surveyEndpointsOrWarn } from './endpoints.ts';
import { acquiredDetail, type Herald, leaseDetail } from './events.ts';
import type { Following } from './follow.ts';
import { leaseLost } from './renewal.ts';
import { announceSubnet, desiredState, rememberMember, settle } from './settle.ts';
import type { SubnetChange } from './subnet_change.ts';
import { offerOf, type Survey, survey, surveyNode, surveyOthers } from './survey.ts';
import type { WatchSettings, WatchWorld } from './world.ts';

/** A host that takes part in the network, as `watch` keeps it. */
export interface Member {
  readonly world: WatchWorld;
  readonly settings: WatchSettings;
  readonly herald: Herald;
  readonly converger: Converger;
  readonly following: Following;
  found: Survey;
  /** The leases that the kernel was brought in step with last: what came since waits for {@link syncPeers}, which tells. */
  inForce: ReadonlyMap<string, Lease>;
  /** The lease that is, or was last, this host's. */
  own: Lease;
  /** When the end of that was learnt. */
  learnt: Moment;
  /** How much sooner than it must the lease is renewed: drawn for each renewal, from 0 to below 1. */
  haste: number;
  /** When this `watch` wrote the lease last, by the clock that nobody sets; −∞: never. */
  writtenAt: number;
  /** Whether a write of this host's may be on its way, or done without an answer. */
  writing: boolean;
  /** The store has told something since the last attempt to take a lease began. */
  heard: boolean;
  /** Revision up to which it is known who wrote the lease. */
  considered: number;
  /** How packets are carried, as it was decided last. */
  mode: Mode;
  /** Runs the user's command when the subnet has become another. */
  readonly tellChange: (change: SubnetChange | null) => void;
  /** What the next renewal publishes. */
  attributes: LeaseAttributes;
  /** The lease is gone, and no other one is there yet. */
  lost: boolean;
  /** The store told everything anew, and the kernel has not been brought in step since. */
  resynced: boolean;
  /** What has been warned of already. */
  warnings: readonly string[];
  /** What of the network cannot be had here, and has been told. */
  failures: readonly string[];
  /** Peers' changes that are not in the kernel yet. */
  readonly pending: PeerChange[];
}

/** Takes note of a lease that this `watch` has written. */
export function hold(member: Member, lease: Lease, learnt: Moment): void {
  member.own = lease;
  member.learnt = learnt;
  member.haste = Math.random();
  member.writtenAt = member.world.elapsed();
  member.writing = false;
}

/** Takes note that the lease is another node's, or nobody's. */
export function loseLease(member: Member): void {
  if (member.lost) return;
  const { own, following, herald } = member;
  member.pending.push(...following.takeChanges(own));
  member.lost = true;
  const current = following.table().leases.get(formatPrefix(own.subnet)) ?? null;
  const isKnown = current !== null && !ownsLease(current, own.attributes);
  const { message } = leaseLost(own.subnet, isKnown ? current : null);
  herald.tell('lost', { ...leaseDetail(own), message });
}

/**
 * Takes note that the own lease was made a reservation, or a reservation a lease that ends.
 * @returns whether it was
 */
export function noteConversion(member: Member): boolean {
  const { own, following } = member;
  const current = following.table().leases.get(formatPrefix(own.subnet));
  if (current === undefined || current.revision <= own.revision) return false;
  if ((current.expiresAt === 'never') === (own.expiresAt === 'never')) return false;
  member.own = current;
  return true;
}

/** Takes a lease again after one was lost. */
export async function reacquire(member: Member): Promise<void> {
  const { world, settings, converger, following, herald, own: former } = member;
  member.found = await survey(world, settings, converger, member.found.node.dataplane);
  member.writing = true;
  const settled = await settle(world, settings, member.found, converger);
  hold(member, settled.lease, settled.learnt);
  member.attributes = settled.lease.attributes;
  member.lost = false;
  following.takeSnapshot(settled.snapshot);
  member.inForce = following.table().leases;
  herald.recovery();
  herald.tell('acquired', acquiredDetail(member.own, former.subnet, settled.snapshot.leases));
  member.tellChange(settled.change);
}

/**
 * Takes over where the lease stands in what was told anew: a store that was restored from a backup counts its revisions
 * anew, and what comes next could not be compared with the old one.
 */
export function takeNumbering(member: Member): void {
  const { own, following } = member;
  const found = following.table().leases.get(formatPrefix(own.subnet));
  if (found === undefined || found.revision >= own.revision) return;
  member.considered = Math.max(member.considered, own.revision);
  member.own = { ...own, revision: found.revision };
}

/** Tells if somebody else has written this host's lease and left it to this host: its double, perhaps. */
export function tellOfWriter(member: Member): void {
  const { own, following, herald, writing, considered } = member;
  const written = following.writtenSince(own);
  if (written === null || written.revision <= considered || writing) return;
  member.considered = written.revision;
  // A person has made it a reservation, or an end of one.
  if ((written.expiresAt === 'never') !== (own.expiresAt === 'never')) return;
  const { publicIp } = own.attributes;
  herald.tell('error', {
    ...leaseDetail(own),
    message: `somebody else has written the lease of ${formatPrefix(own.subnet)} in this host's name: another node that has the PublicIP ${publicIp} too, or a \`tartan renew\` beside this watch`,
  });
}

/** What the host is to look like now; tells of what cannot be had, once. */
function desireNow(member: Member): Decision {
  const { world, found, own, inForce, warnings, failures, herald } = member;
  const desired = desiredState(found, own, inForce.values());
  for (const warning of desired.warnings) {
    if (!warnings.includes(warning)) world.log.warn(warning);
  }
  member.warnings = desired.warnings;
  member.mode = desired.mode;
  for (const message of desired.failures ?? []) {
    if (!failures.includes(message)) herald.tell('error', { message });
  }
  member.failures = desired.failures ?? [];
  return desired;
}

/** Brings the peers in the kernel in step with the store. */
export async function syncPeers(member: Member): Promise<void> {
  const { converger, following, herald, own, pending } = member;
  pending.push(...following.takeChanges(own));
  member.inForce = following.table().leases;
  const desired = desireNow(member);
  await converger.converge(desired);
  // Of what came while there was no lease, one may be this host's now.
  for (const { type, lease } of pending.splice(0)) {
    if (!isOfHost(lease, own)) herald.tell(type, leaseDetail(lease));
  }
  if (!member.resynced) return;
  member.resynced = false;
  herald.tell('synced', { message: `${desired.reached} peers` });
}

/**
 * Looks at the host and at what really stands in the kernel, and repairs it.
 * @param name what the herald knows this work by
 */
export async function reconcile(member: Member, name: string): Promise<void> {
  const { world, settings, converger, herald } = member;
  const trouble = herald.troubleOf(name) ?? herald.troubleOf(DOUBT);
  converger.forget();
  await pruneEndpoints(world, settings);
  const { config, node: earlier } = member.found;
  const node = await surveyNode(world, settings, converger, earlier.dataplane, config, earlier);
  member.found = { ...member.found, node, others: await surveyOthers(world, settings, config) };
  // What was sent from an address that is gone is never answered.
  if (!sameInterface(node, earlier)) world.store.reconnect?.();
  const { found, own } = member;
  const { attributes, mtu } = offerOf(withoutDevices(found), own);
  member.attributes = attributes;
  const ops = await converger.converge(desireNow(member));
  const remembered = await rememberMember(world, settings, found, own);
  const announced = await announceSubnet(settings, found, own, mtu);
  const repaired = [
    ...ops.map(({ op }) => op),
    ...(remembered ? ['state file'] : []),
    ...(announced ? ['subnet file'] : []),
  ];
  if (node.doubt === undefined) herald.relief(DOUBT);
  else herald.trouble(DOUBT, node.doubt);
  const mended = trouble !== null && trouble !== node.doubt ? [`no longer: ${trouble}`] : [];
  const message = repaired.length > 0 ? repaired.join(', ') : mended[0];
  if (message !== undefined) herald.tell('reconciled', { message });
  world.log.debug('looked at the host', { repaired: repaired.length });
}

/** The herald's name for what of the underlay is not as it should be, though it does. */
const DOUBT = 'underlay';

function sameInterface({ interface: a }: Survey['node'], { interface: b }: Survey['node']) {
  return a.name === b.name && a.address === b.address;
}

/** A device's MAC is the lease's, whatever somebody has made of it: it is not published, but set right. */
function withoutDevices(found: Survey): Survey {
  return { ...found, node: { ...found.node, links: [] } };
}

/** Brings the endpoints in the kernel in step with what was added and removed. */
export async function syncEndpoints(member: Member): Promise<void> {
  const { world, settings, converger } = member;
  const endpoints = await surveyEndpointsOrWarn(world, settings);
  member.found = { ...member.found, node: { ...member.found.node, endpoints } };
  await converger.converge(desireNow(member));
}

/** Whether the host has changed in what its lease publishes. */
export function publishesOther({ attributes, own }: Member): boolean {
  return !sameAttributes(attributes, own.attributes);
}
