import type { Decision } from '../backend/contract.ts';
import { tunnelPort } from '../lease/config.ts';
import type { Lease, LeaseAttributes, RejectedKey } from '../lease/lease.ts';
import { isOfHost, type Remembered, rememberAttempt, rivalsOf } from '../lease/ownership.ts';
import { formatSubnetEnv, type SubnetEnv } from '../lease/subnet_env.ts';
import { formatPrefix, type Prefix, prefixesEqual } from '../net/prefix.ts';
import { type AcquiredLease, acquireLease, type LeasePlan } from './acquire.ts';
import { writeAtomically } from './atomic_file.ts';
import type { Converger } from './converge.ts';
import { pruneEndpoints } from './endpoints.ts';
import { convergeOrFallBack } from './fall_back.ts';
import { warnOfForwarding, warnOfUnreadable } from './forwarding.ts';
import { stopIfInterrupted } from './interrupt.ts';
import type { Log } from './log.ts';
import { rememberPolicy, withPolicy } from './policy.ts';
import { leftFor, networkNamespaceInode, readState, statePath, writeState } from './state_file.ts';
import type { SubnetChange } from './subnet_change.ts';
import { leaseRequest, offerOf, type Survey } from './survey.ts';
import type { MemberSettings, World } from './world.ts';

/** The leases of other nodes: a host may have another one beside its own, a former one or a reservation. */
function peersOf(leases: Iterable<Lease>, own: Lease): Lease[] {
  const peers: Lease[] = [];
  for (const lease of leases) if (!isOfHost(lease, own)) peers.push(lease);
  return peers;
}

/** What the host is to look like with this lease and these others. */
export function desiredState(found: Survey, own: Lease, leases: Iterable<Lease>): Decision {
  const { backend, config, node, formerNetwork, policy } = found;
  const peers = peersOf(leases, own);
  const decision = withPolicy(backend.desired(config, node, own, peers), found, own);
  const rivals = rivalsOf(own, peers).map(describeRival);
  const failures = [...(decision.failures ?? []), ...rivals];
  return {
    ...decision,
    ...(policy.forwards && { forward: formatPrefix(config.network) }),
    failures,
    ...(formerNetwork !== undefined && { formerNetwork }),
  };
}

function describeRival({ subnet, attributes: { publicIp, vxlan } }: Lease): string {
  return `two nodes have the PublicIP ${publicIp}: this one, and the one with ${formatPrefix(subnet)} (VTEP ${vxlan?.vtepMac}); give one of them another --public-ip, or remove its lease if it is gone`;
}

export interface Settled extends AcquiredLease {
  /** In kernel mode, if the programs were refused. */
  readonly found: Survey;
  readonly desired: Decision;
  /** MTU of the pods. */
  readonly mtu: number;
  /** The subnet has become another than subnet.env said; null: it has not, or there was none. */
  readonly change: SubnetChange | null;
}

/**
 * Takes a lease and makes the host a member: state, lease, kernel, subnet.env, in this order, so that whatever fails or
 * is interrupted is healed by doing it again, and teardown always knows what there may be.
 * @param plan the lease that was decided on already
 */
export async function settle(
  world: World,
  settings: MemberSettings,
  found: Survey,
  converger: Converger,
  plan?: LeasePlan,
): Promise<Settled> {
  const request = await leaseRequest(world, settings, found);
  let remembered = false;
  const announce = async (subnet: Prefix, attributes: LeaseAttributes) => {
    const { publicIp, vxlan } = attributes;
    const attempt =
      vxlan &&
      rememberAttempt(request.remembered ?? null, { subnet, publicIp, vtepMac: vxlan.vtepMac });
    const written = await rememberMember(world, settings, found, { subnet, attributes }, attempt);
    remembered ||= written;
  };
  const acquired = await acquireLease({ ...request, announce }, plan);
  const { lease, snapshot } = acquired;
  warnOfRejected(world.log, snapshot.rejected);
  warnOfTakeover(world.log, acquired, request.remembered ?? null);
  await warnOfForwarding(world.host, found.node.interface.name, world.log);
  if (found.policy.forwards) {
    warnOfUnreadable((await converger.observe()).forwardChains, world.log);
  }
  const warned = new Set<string>();
  const desire = (survey: Survey) => {
    const decision = desiredState(survey, lease, snapshot.leases);
    for (const warning of [...decision.warnings, ...warnOfAttach(settings, decision)]) {
      if (!warned.has(warning)) world.log.warn(warning);
      warned.add(warning);
    }
    for (const failure of decision.failures ?? []) {
      if (!warned.has(failure)) world.log.error(failure);
      warned.add(failure);
    }
    return decision;
  };
  stopIfInterrupted(world.signal);
  remembered = (await rememberMember(world, settings, found, lease)) || remembered;
  const {
    found: used,
    desired,
    ops,
  } = await convergeOrFallBack(world.kernel, converger, found, desire, settings.dataplane);
  if (desired.dataplane === null) await world.kernel.sweep();
  const pruned = await pruneEndpoints(world, settings);
  const { mtu } = offerOf(found, lease);
  const announced = await announceSubnet(settings, found, lease, mtu);
  const change = changeOf(request.previousSubnet, subnetEnvOf(found, lease, mtu));
  const changed = acquired.changed || remembered || ops.length > 0 || pruned || announced;
  return { ...acquired, found: used, desired, mtu, change, changed };
}

/** What was asked for, and has no meaning where no program is attached. */
function warnOfAttach({ attach: { by } }: MemberSettings, { dataplane, mode }: Decision): string[] {
  if (by === 'auto' || dataplane !== null) return [];
  return [`--attach ${by} does nothing in ${mode} mode here: there are no programs to attach`];
}

/**
 * Writes what teardown and renew must know.
 * @param attempt while the lease is not written yet
 * @returns whether it changed
 */
export async function rememberMember(
  world: World,
  settings: MemberSettings,
  found: Survey,
  own: Pick<Lease, 'subnet' | 'attributes'>,
  attempt?: Remembered,
): Promise<boolean> {
  const before = attempt?.before;
  const port = tunnelPort(found.config.backend);
  const path = statePath(settings.stateDir, settings.network);
  const subnet = formatPrefix(own.subnet);
  const left = leftFor(subnet, found.config.network, await readState(path).catch(() => null));
  return writeState(path, {
    networkNamespace: await networkNamespaceInode(),
    backend: found.backend.type,
    interface: found.node.interface.name,
    network: formatPrefix(found.config.network),
    ...(port !== null && { port }),
    subnet,
    publicIp: own.attributes.publicIp,
    vtepMac: own.attributes.vxlan?.vtepMac ?? null,
    ...(before !== undefined && {
      before: before.map((self) => ({ ...self, subnet: formatPrefix(self.subnet) })),
    }),
    ...(left.length > 0 && { left }),
    ...rememberPolicy(settings.policy, found.others),
    bpffs: settings.bpffs,
    store: world.store.description,
    subnetFile: settings.subnetFile,
  });
}

/** Writes subnet.env. @returns whether it changed */
export function announceSubnet(
  { subnetFile }: MemberSettings,
  found: Survey,
  own: Lease,
  mtu: number,
): Promise<boolean> {
  return writeAtomically(subnetFile, formatSubnetEnv(subnetEnvOf(found, own, mtu)), 0o644);
}

function subnetEnvOf({ config, policy }: Survey, { subnet }: Lease, mtu: number): SubnetEnv {
  return { network: config.network, subnet, mtu, ipMasq: policy.masquerades };
}

function changeOf(former: Prefix | null, current: SubnetEnv): SubnetChange | null {
  return former === null || prefixesEqual(former, current.subnet) ? null : { former, current };
}

/** A key that is no lease is left alone, but somebody should know. */
function warnOfRejected(log: Log, rejected: readonly RejectedKey[]): void {
  for (const { key, reason } of rejected)
    log.warn(`skipped ${key} in the store: ${reason}`, { key });
}

/** Whoever had the lease under this PublicIP may be gone, or be there still: the store cannot tell. */
function warnOfTakeover(
  log: Log,
  { lease, earlier }: AcquiredLease,
  remembered: Remembered | null,
): void {
  if (earlier === null || earlier.attributes.publicIp !== lease.attributes.publicIp) return;
  const before = earlier.attributes.vxlan?.vtepMac;
  const now = lease.attributes.vxlan?.vtepMac;
  const selves = remembered === null ? [] : [remembered.self, ...(remembered.before ?? [])];
  const own = [now, ...selves.map(({ vtepMac }) => vtepMac)];
  if (before === undefined || own.includes(before)) return;
  log.warn(
    `took over the lease of ${formatPrefix(lease.subnet)}, which the VTEP ${before} had under this PublicIP, ${lease.attributes.publicIp}: if another node has that address too, give one of them another --public-ip`,
  );
}
