/** `tartan status`: what a member of the network is, and whether it is as it should be. A look only. */
import type { Mode } from '../backend/contract.ts';
import type { PeerTraffic, ProgramTraffic } from '../kernel/contract.ts';
import type { Lease } from '../lease/lease.ts';
import { isOfHost } from '../lease/ownership.ts';
import { parseSubnetEnv } from '../lease/subnet_env.ts';
import { formatPrefix } from '../net/prefix.ts';
import type { Op } from '../plan/op.ts';
import type { ObservedState } from '../plan/state.ts';
import type { LeasePlan } from './acquire.ts';
import { askStore, type StatusWorld } from './ask_store.ts';
import { readIfPresent } from './atomic_file.ts';
import { describeUnreadable } from './forwarding.ts';
import type { Preview } from './join.ts';
import { attachedGeneration } from './member_figures.ts';
import { policyAsJoined } from './policy.ts';
import { requireJoined } from './renew.ts';
import {
  type HostState,
  networkNamespaceInode,
  readState,
  requireSamePlace,
  statePath,
} from './state_file.ts';
import { offerOf } from './survey.ts';
import type { MemberSettings } from './world.ts';

/** A peer, and the traffic with it; null: nothing counts it, as no programs carry it. */
export interface PeerStatus {
  readonly subnet: string;
  /** Null: it is told by its route alone. */
  readonly publicIp: string | null;
  readonly traffic: PeerTraffic | null;
}

/** What `status` prints. Keys may be added, never renamed. */
export interface StatusReport {
  /** There is no problem. */
  readonly healthy: boolean;
  /** What is not as it should be, a line each, for people. */
  readonly problems: readonly string[];
  /** What is worth to know, and is no problem of this host. */
  readonly notes: readonly string[];
  readonly network: string | null;
  readonly subnet: string;
  readonly publicIp: string;
  readonly interface: string;
  readonly backend: string;
  /** What follows is null where the store could not be asked. */
  readonly mode: Mode | null;
  /** Of pods, in bytes. */
  readonly mtu: number | null;
  /** ISO 8601; null for a reservation as well. */
  readonly leaseExpires: string | null;
  readonly reservation: boolean | null;
  /** What `join` would change in the kernel. */
  readonly differences: readonly Op[] | null;
  readonly store: { readonly name: string; readonly reachable: boolean };
  readonly peers: readonly PeerStatus[];
  /** What the programs dropped or left to others, by reason; null: there are no programs. */
  readonly counters: Readonly<Record<string, number>> | null;
}

/**
 * @throws TartanError `LEASE_LOST` if the host has not joined; `PERMISSION`; what keeps the kernel from being read
 */
export async function readStatus(
  world: StatusWorld,
  settings: MemberSettings,
): Promise<StatusReport> {
  const { stateDir, network, bpffs } = settings;
  const path = statePath(stateDir, network);
  const state = requireJoined(await readState(path), path);
  requireSamePlace(state, await networkNamespaceInode(), { path, bpffs, network });
  const observed = await world.kernel.observe();
  const traffic = await trafficOf(world, observed);
  const asked = await askStore(world, asJoined(settings, state, observed));
  const found = asked.preview;
  const problems = [
    ...asked.problems,
    ...(found === null ? problemsAlone(observed, state) : problemsOf(found, state)),
    ...(await problemsOfSubnetFile(state)),
  ];
  return {
    healthy: problems.length === 0,
    problems,
    notes: [
      ...elsewhere(state, asked.store),
      ...asked.notes,
      ...describeUnreadable(observed.forwardChains),
    ],
    network: state.network ?? null,
    subnet: state.subnet,
    publicIp: state.publicIp,
    interface: state.interface,
    backend: state.backend,
    mode: found?.decision.mode ?? null,
    mtu: found === null ? null : offerOf(found.found, found.own).mtu,
    ...leaseParts(asked.lease),
    differences: found?.ops ?? null,
    store: { name: asked.store ?? state.store, reachable: asked.reachable },
    peers: peersOf(found, observed, traffic),
    counters: traffic && withoutZeros(traffic.counters),
  };
}

/** The programs that are at work, if there are any. */
async function trafficOf(
  { kernel }: StatusWorld,
  observed: ObservedState,
): Promise<ProgramTraffic | null> {
  const attached = attachedGeneration(observed);
  return attached === null ? null : kernel.readTraffic(attached);
}

/** Those that are 0 say nothing to people. */
function withoutZeros(counters: ProgramTraffic['counters']): ProgramTraffic['counters'] {
  return Object.fromEntries(Object.entries(counters).filter(([, count]) => count > 0));
}

/**
 * As the host has joined, so that only what has changed since is a difference; but for what was asked for now.
 */
function asJoined(
  settings: MemberSettings,
  state: HostState,
  { attachments, links }: ObservedState,
): MemberSettings {
  const { underlay, dataplane, attach } = settings;
  const isAsked =
    underlay.ifaces.length + underlay.ifacePatterns.length > 0 || underlay.canReach !== null;
  const carrier = attachments.length > 0 ? 'bpf' : carrierOf(links);
  const isXdp = attachments.some(({ by }) => by === 'xdp');
  const by = isXdp ? 'xdp' : attachments.some((one) => one.by === 'clsact') ? 'clsact' : 'auto';
  return {
    ...settings,
    subnetFile: state.subnetFile,
    underlay: {
      ...underlay,
      ...(!isAsked && { ifaces: [state.interface] }),
      publicIp: underlay.publicIp ?? state.publicIp,
    },
    dataplane: dataplane === 'auto' ? carrier : dataplane,
    attach: attach.by === 'auto' ? { by, force: true } : attach,
    policy: policyAsJoined(settings.policy, state),
  };
}

function carrierOf(links: ObservedState['links']): 'kernel' | 'user' | 'auto' {
  const kinds = new Set(links.map(({ kind }) => kind));
  if (kinds.has('classic') || kinds.has('fou')) return 'kernel';
  return kinds.has('tun') ? 'user' : 'auto';
}

/** Whoever looks into another store finds other leases, or none. */
function elsewhere(state: HostState, store: string | null): string[] {
  if (store === null || store === state.store) return [];
  return [`this host has joined with ${state.store}, and this is a look into ${store}`];
}

function problemsOf({ plan, decision, ops }: Preview, { subnet }: HostState): string[] {
  return [
    ...problemsOfLease(plan, subnet),
    ...(ops.length === 0
      ? []
      : [`the kernel is not as it should be: ${ops.map(({ op }) => op).join(', ')}`]),
    ...(decision.failures ?? []),
  ];
}

function problemsOfLease({ held, remove, subnet: next }: LeasePlan, subnet: string): string[] {
  if (held !== null && formatPrefix(held.subnet) === subnet) return [];
  const would = `\`tartan join\` would take ${formatPrefix(next)}`;
  return remove.some((lease) => formatPrefix(lease.subnet) === subnet)
    ? [`the network config has changed, and the lease of ${subnet} does not fit it: ${would}`]
    : [`the lease of ${subnet} is lost: ${would}`];
}

async function problemsOfSubnetFile({ subnetFile, subnet }: HostState): Promise<string[]> {
  const text = await readIfPresent(subnetFile);
  if (text === null) return [`${subnetFile} is gone`];
  const told = parseSubnetEnv(text).subnet;
  if (told !== null && formatPrefix(told) === subnet) return [];
  return [`${subnetFile} does not tell ${subnet}`];
}

/** What can be told without the store: host-gw has no device. */
function problemsAlone({ links }: ObservedState, { backend, subnet }: HostState): string[] {
  const own = links.filter((link) => link.kind !== 'foreign');
  if (own.length === 0 && backend !== 'host-gw') return [`the device for ${subnet} is gone`];
  return own.filter(({ up }) => !up).map(({ name }) => `${name} is down`);
}

function leaseParts(lease: Lease | null): Pick<StatusReport, 'leaseExpires' | 'reservation'> {
  if (lease === null) return { leaseExpires: null, reservation: null };
  const { expiresAt } = lease;
  return {
    leaseExpires: expiresAt instanceof Date ? expiresAt.toISOString() : null,
    reservation: expiresAt === 'never',
  };
}

/** Those of the store, or if it is away those of the kernel. */
function peersOf(
  found: Preview | null,
  { generations, routes }: ObservedState,
  traffic: ProgramTraffic | null,
): PeerStatus[] {
  const known = new Map<string, string | null>();
  if (found !== null) {
    for (const lease of found.plan.snapshot.leases) {
      if (!isOfHost(lease, found.own))
        known.set(formatPrefix(lease.subnet), lease.attributes.publicIp);
    }
  } else {
    for (const { peers } of generations.values()) {
      for (const [subnet, { publicIp }] of peers) known.set(subnet, publicIp);
    }
    // With programs, routes lead to the device and not to peers.
    const toPeers = generations.size > 0 ? [] : routes.filter(({ blackhole }) => !blackhole);
    for (const { destination } of toPeers) known.set(destination, null);
  }
  return Array.from(known, ([subnet, publicIp]) => ({
    subnet,
    publicIp,
    traffic: traffic?.peers.get(subnet) ?? null,
  }));
}
