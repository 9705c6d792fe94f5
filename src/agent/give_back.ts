import { ownsLease } from '../lease/ownership.ts';
import { parsePrefix } from '../net/prefix.ts';
import type { LeaseStore } from '../store/contract.ts';
import { leaveReservation } from './leave_reservation.ts';
import { identityOf } from './renew.ts';
import type { HostState, Identification } from './state_file.ts';

/**
 * Gives back what else the host has: a lease that it left for a reservation, say. Only by its MAC: where leases have
 * none, another host with its PublicIP might be meant.
 * @returns whether it did
 */
export async function giveBackOthers(store: LeaseStore, host: Identification): Promise<boolean> {
  if (host.vtepMac === null) return false;
  let removed = false;
  const { leases } = await store.list();
  for (const lease of leases) {
    if (lease.expiresAt === 'never' || !ownsLease(lease, identityOf(host))) continue;
    removed = (await store.remove(lease)) || removed;
  }
  return removed;
}

/** Gives a lease back, if it still is this host's and no reservation. @returns whether it did */
export async function giveBackLease(
  store: LeaseStore,
  { before = [], ...now }: Identification & Pick<HostState, 'before'>,
): Promise<boolean> {
  for (const host of [now, ...before]) {
    if (await giveBack(store, host)) return true;
  }
  return false;
}

async function giveBack(store: LeaseStore, host: Identification): Promise<boolean> {
  const lease = await store.get(parsePrefix(host.subnet));
  if (lease === null || !ownsLease(lease, identityOf(host))) return false;
  if (lease.expiresAt === 'never') return leaveReservation(store, lease);
  return store.remove(lease);
}
