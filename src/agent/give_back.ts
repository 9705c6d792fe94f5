import { TartanError } from '../errors.ts';
import { ownsLease } from '../lease/ownership.ts';
import { parsePrefix } from '../net/prefix.ts';
import type { LeaseStore } from '../store/contract.ts';
import { leaveReservation } from './leave_reservation.ts';
import { identityOf } from './renew.ts';
import type { HostState, Identification } from './state_file.ts';

const ATTEMPTS = 3;

/**
 * Gives back all that the host has by what it remembers, as far as that still is this host's and no reservation.
 * @returns whether there was any
 * @throws TartanError `BUSY`
 */
export async function giveBackLease(
  store: LeaseStore,
  { before = [], left = [], ...now }: Identification & Pick<HostState, 'before' | 'left'>,
): Promise<boolean> {
  let removed = false;
  for (const host of [now, ...before, ...left.map((subnet) => ({ ...now, subnet }))]) {
    removed = (await giveBack(store, host)) || removed;
  }
  return removed;
}

/** Somebody else may write between reading and writing (`tartan renew`, which takes no lock), but not for ever. */
async function giveBack(store: LeaseStore, host: Identification): Promise<boolean> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const lease = await store.get(parsePrefix(host.subnet));
    if (lease === null || !ownsLease(lease, identityOf(host))) return false;
    if (lease.expiresAt !== 'never') {
      if (await store.remove(lease)) return true;
    } else if (await leaveReservation(store, lease)) return false;
  }
  throw new TartanError(
    'BUSY',
    `the lease of ${host.subnet} changed ${ATTEMPTS} times while it was being given back`,
    'Run it again; if it keeps happening, another process renews the same lease.',
  );
}
