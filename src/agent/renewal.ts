import { TartanError } from '../errors.ts';
import { jitter } from '../jitter.ts';
import type { Lease, LeaseAttributes } from '../lease/lease.ts';
import { type Identity, isOfHost, ownsLease } from '../lease/ownership.ts';
import { formatPrefix, type Prefix, prefixesEqual } from '../net/prefix.ts';
import type { LeaseStore } from '../store/contract.ts';
import type { Moment } from './clocks.ts';

/** How long a lease lasts, as flannel has it: 24 h. */
export const LEASE_TTL_SECONDS = 86_400;

/** Of the time until a lease is due, as much is left to chance: of 23 hours the last two and a quarter. */
const RENEWAL_SHARE = 0.1;

/** Somebody else may write between reading and writing, but not for ever. */
const ATTEMPTS = 3;

/** Whether the lease ends within the margin. A reservation never does. */
export function isDue(lease: Lease, marginSeconds: number, now: number): boolean {
  if (lease.expiresAt === 'never') return false;
  if (lease.expiresAt === 'unknown') return true;
  return lease.expiresAt.getTime() - now <= marginSeconds * 1000;
}

/** When the lease is to be renewed, in ms since the epoch; infinity for a reservation. */
export function renewAt(lease: Lease, marginSeconds: number): number {
  if (lease.expiresAt === 'never') return Number.POSITIVE_INFINITY;
  if (lease.expiresAt === 'unknown') return 0;
  return lease.expiresAt.getTime() - marginSeconds * 1000;
}

/**
 * In how many ms the lease is to be renewed. Its end is known by the wall clock of the moment in which it was learnt. A
 * clock that was set back since must not put the renewal off, nor must a sleep: whichever clock is there first counts.
 * @param random drawn once for each renewal, from 0 to below 1: nodes that took their leases together do not renew together
 */
export function renewIn(
  lease: Lease,
  marginSeconds: number,
  learnt: Moment,
  now: Moment,
  random = 0,
): number {
  const longest = renewAt(lease, marginSeconds) - learnt.wall;
  const wait = longest > 0 ? jitter(longest, RENEWAL_SHARE, random) : longest;
  const byWall = wait - (now.wall - learnt.wall);
  const bySteady = wait - (now.steady - learnt.steady);
  return Math.min(byWall, bySteady);
}

/**
 * Renews the lease if it still is the identity's: read, compare the owner, write against the revision that was read.
 * @param attributes what to publish from now on; null: what is published already
 * @throws TartanError `LEASE_LOST` saying who has it now
 */
export async function renewLease(
  store: LeaseStore,
  subnet: Prefix,
  identity: Identity,
  attributes: LeaseAttributes | null,
): Promise<Lease> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const current = await store.get(subnet);
    // What is to be published may be there already: written by a try whose answer was lost.
    const isOwn =
      current !== null &&
      (ownsLease(current, identity) || (attributes !== null && ownsLease(current, attributes)));
    if (!isOwn) throw leaseLost(subnet, current);
    const renewed = await store.renew(current, attributes ?? current.attributes, LEASE_TTL_SECONDS);
    if (renewed !== null) return renewed;
  }
  throw new TartanError(
    'BUSY',
    `the lease of ${formatPrefix(subnet)} changed ${ATTEMPTS} times while it was being renewed`,
    'Run it again; if it keeps happening, another process renews the same lease.',
  );
}

/** Who has a subnet's lease; null: nobody. */
export function holderOf(leases: Iterable<Lease>, subnet: Prefix): Lease | null {
  for (const lease of leases) if (prefixesEqual(lease.subnet, subnet)) return lease;
  return null;
}

/**
 * Which other node has a subnet that was this host's; null: nobody has it, or this host still does, beside its own lease.
 */
export function successorOf(leases: Iterable<Lease>, former: Prefix, own: Lease): Lease | null {
  const holder = holderOf(leases, former);
  return holder === null || isOfHost(holder, own) ? null : holder;
}

/** The error that says who has the subnet now. */
export function leaseLost(subnet: Prefix, current: Lease | null): TartanError {
  const name = formatPrefix(subnet);
  const mac = current?.attributes.vxlan?.vtepMac;
  const owner =
    current && `${current.attributes.publicIp}${mac === undefined ? '' : ` (VTEP ${mac})`}`;
  return new TartanError(
    'LEASE_LOST',
    owner === null
      ? `the lease of ${name} is gone: it expired or was removed`
      : `the lease of ${name} belongs to ${owner} now`,
    'Run `tartan join` to take a subnet again.',
  );
}
