import { TartanError } from '../errors.ts';
import type { Lease, LeaseAttributes } from '../lease/lease.ts';
import { type Identity, ownsLease } from '../lease/ownership.ts';
import { formatPrefix, type Prefix } from '../net/prefix.ts';
import type { LeaseStore } from '../store/contract.ts';

/** How long a lease lasts, as flannel has it: 24 h. */
export const LEASE_TTL_SECONDS = 86_400;

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
    if (current === null || !ownsLease(current, identity)) throw leaseLost(subnet, current);
    const renewed = await store.renew(current, attributes ?? current.attributes, LEASE_TTL_SECONDS);
    if (renewed !== null) return renewed;
  }
  throw new TartanError(
    'BUSY',
    `the lease of ${formatPrefix(subnet)} changed ${ATTEMPTS} times while it was being renewed`,
    'Run it again; if it keeps happening, another process renews the same lease.',
  );
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
