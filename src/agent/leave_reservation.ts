import type { Lease } from '../lease/lease.ts';
import { sameAttributes } from '../lease/peers.ts';
import { bareAttributes } from '../lease/reservation.ts';
import type { LeaseStore } from '../store/contract.ts';

/**
 * Gives a reservation back as far as `join` had taken it: what this host published goes, so that nobody sends here any
 * more; the subnet stays kept for it.
 * @returns whether it is so; false: somebody else has written it since it was read
 */
export async function leaveReservation(store: LeaseStore, reservation: Lease): Promise<boolean> {
  const { publicIp, publicIpv6 } = reservation.attributes;
  const attributes = { ...bareAttributes(publicIp), publicIpv6 };
  if (sameAttributes(attributes, reservation.attributes)) return true;
  // It has no TTL that could be written anew.
  return (await store.renew(reservation, attributes, 0)) !== null;
}
