import type { Decision } from '../backend/contract.ts';
import type { Lease, LeaseAttributes, RejectedKey } from '../lease/lease.ts';
import { formatSubnetEnv } from '../lease/subnet_env.ts';
import { formatPrefix, type Prefix, prefixesEqual } from '../net/prefix.ts';
import { type AcquiredLease, acquireLease, type LeasePlan } from './acquire.ts';
import { writeAtomically } from './atomic_file.ts';
import type { Converger } from './converge.ts';
import { pruneEndpoints } from './endpoints.ts';
import { convergeOrFallBack } from './fall_back.ts';
import { warnOfForwarding } from './forwarding.ts';
import { stopIfInterrupted } from './interrupt.ts';
import type { Log } from './log.ts';
import { networkNamespaceInode, statePath, writeState } from './state_file.ts';
import { leaseRequest, offerOf, type Survey } from './survey.ts';
import type { MemberSettings, World } from './world.ts';

/** Everybody's leases but one. */
export function peersOf(leases: Iterable<Lease>, own: Lease): Lease[] {
  const peers: Lease[] = [];
  for (const lease of leases) if (!prefixesEqual(lease.subnet, own.subnet)) peers.push(lease);
  return peers;
}

/** What the host is to look like with this lease and these others. */
export function desiredState(found: Survey, own: Lease, leases: Iterable<Lease>): Decision {
  const { backend, config, node, formerNetwork } = found;
  const decision = backend.desired(config, node, own, peersOf(leases, own));
  return formerNetwork === undefined ? decision : { ...decision, formerNetwork };
}

export interface Settled extends AcquiredLease {
  /** In kernel mode, if the programs were refused. */
  readonly found: Survey;
  readonly desired: Decision;
  /** MTU of the pods. */
  readonly mtu: number;
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
    const written = await rememberMember(world, settings, found, { subnet, attributes });
    remembered ||= written;
  };
  const acquired = await acquireLease({ ...request, announce }, plan);
  const { lease, snapshot } = acquired;
  warnOfRejected(world.log, snapshot.rejected);
  await warnOfForwarding(world.host, found.node.interface.name, world.log);
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
  await announce(lease.subnet, lease.attributes);
  const {
    found: used,
    desired,
    ops,
  } = await convergeOrFallBack(converger, found, desire, settings.dataplane);
  if (desired.dataplane === null) await world.kernel.sweep();
  const pruned = await pruneEndpoints(world, settings);
  const { mtu } = offerOf(found, lease);
  const announced = await announceSubnet(settings, found, lease, mtu);
  const changed = acquired.changed || remembered || ops.length > 0 || pruned || announced;
  return { ...acquired, found: used, desired, mtu, changed };
}

/** What was asked for, and has no meaning where no program is attached. */
function warnOfAttach({ attach: { by } }: MemberSettings, { dataplane, mode }: Decision): string[] {
  if (by === 'auto' || dataplane !== null) return [];
  return [`--attach ${by} does nothing in ${mode} mode here: there are no programs to attach`];
}

/** Writes what teardown and renew must know. @returns whether it changed */
export async function rememberMember(
  world: World,
  settings: MemberSettings,
  found: Survey,
  own: Pick<Lease, 'subnet' | 'attributes'>,
): Promise<boolean> {
  return writeState(statePath(settings.stateDir, settings.network), {
    networkNamespace: await networkNamespaceInode(),
    backend: found.backend.type,
    interface: found.node.interface.name,
    network: formatPrefix(found.config.network),
    subnet: formatPrefix(own.subnet),
    publicIp: own.attributes.publicIp,
    vtepMac: own.attributes.vxlan?.vtepMac ?? null,
    bpffs: settings.bpffs,
    store: world.store.description,
    subnetFile: settings.subnetFile,
  });
}

/** Writes subnet.env. @returns whether it changed */
export function announceSubnet(
  { subnetFile }: MemberSettings,
  { config }: Survey,
  own: Lease,
  mtu: number,
): Promise<boolean> {
  const { network } = config;
  const text = formatSubnetEnv({ network, subnet: own.subnet, mtu, ipMasq: false });
  return writeAtomically(subnetFile, text, 0o644);
}

/** A key that is no lease is left alone, but somebody should know. */
function warnOfRejected(log: Log, rejected: readonly RejectedKey[]): void {
  for (const { key, reason } of rejected)
    log.warn(`skipped ${key} in the store: ${reason}`, { key });
}
