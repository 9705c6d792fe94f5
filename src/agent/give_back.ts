import { ownsLease } from '../lease/ownership.ts';
import { parsePrefix } from '../net/prefix.ts';
import type { LeaseStore } from '../store/contract.ts';
import { leaveReservation } from './leave_reservation.ts';
import { identityOf } from './renew.ts';
import type { HostState, Identification } from './state_file.ts';

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
