/** What a member shows of itself to who measures it. Nothing here changes it. */
import type { Lease } from '../lease/lease.ts';
import { isOfHost } from '../lease/ownership.ts';
import { formatPrefix } from '../net/prefix.ts';
import type { ObservedState } from '../plan/state.ts';
import { readClocks } from './clocks.ts';
import type { LeaseFigures, Measured, MemberFigures } from './figures.ts';
import type { Member } from './member.ts';
import { LEASE_TTL_SECONDS } from './renewal.ts';

export function measured(member: Member): Measured {
  return {
    figures: () => figuresOf(member),
    async readTraffic() {
      const { seen } = member.converger.last();
      const generation = seen && attachedGeneration(seen);
      return generation === null ? null : member.world.kernel.readTraffic(generation);
    },
  };
}

/** The pinned set whose programs are at work; null: there is none, or none that can be read. */
export function attachedGeneration({ attachments, generations }: ObservedState): string | null {
  const attached = attachments.map(({ generation }) => generation).find((name) => name !== null);
  if (attached == null || generations.get(attached)?.flaw !== undefined) return null;
  return attached;
}

function figuresOf(member: Member): MemberFigures {
  const { following, own, lost, converger } = member;
  const { leases, revision } = following.table();
  const { seen, differences } = converger.last();
  const isProgrammed = seen === null ? () => false : programmedIn(seen);
  let [peersDesired, peersProgrammed] = [0, 0];
  for (const [subnet, lease] of leases) {
    if (isOfHost(lease, own)) continue;
    peersDesired += 1;
    if (isProgrammed(subnet)) peersProgrammed += 1;
  }
  const lease = lost ? null : leaseFigures(member, own);
  return { lease, revision, peersDesired, peersProgrammed, differences };
}

/** With programs, a peer stands in their map; without, it has a route. */
function programmedIn(seen: ObservedState): (subnet: string) => boolean {
  const generation = attachedGeneration(seen);
  const peers = generation === null ? undefined : seen.generations.get(generation)?.peers;
  if (peers !== undefined) return (subnet) => peers.has(subnet);
  const routes = new Set(seen.routes.map(({ destination }) => destination));
  return (subnet) => routes.has(subnet);
}

/** The age is told by the clock that nobody sets: what the end was, less how long a lease lasts. */
function leaseFigures({ found, mode, learnt, world }: Member, own: Lease): LeaseFigures {
  const { subnet, attributes, expiresAt } = own;
  const end = expiresAt instanceof Date ? expiresAt.getTime() : null;
  const ageWhenLearnt = end === null ? 0 : LEASE_TTL_SECONDS - (end - learnt.wall) / 1000;
  const since = (readClocks(world).steady - learnt.steady) / 1000;
  return {
    subnet: formatPrefix(subnet),
    publicIp: attributes.publicIp,
    overlay: formatPrefix(found.config.network),
    backend: found.backend.type,
    mode,
    interface: found.node.interface.name,
    ageSeconds: Math.max(0, ageWhenLearnt + since),
    expiresAtSeconds: end === null ? Number.POSITIVE_INFINITY : end / 1000,
  };
}
