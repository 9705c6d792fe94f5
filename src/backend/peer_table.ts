import type { Lease } from '../lease/lease.ts';
import type { Peer } from '../plan/dataplane.ts';

/**
 * Makes a backend's peers of leases, by subnet. Of a lease that it has seen it gives the same peer again: of thousands one
 * changes at a time, and the others are not made anew.
 */
export function peerTableBy(
  toPeer: (lease: Lease) => Peer,
): (leases: readonly Lease[]) => Map<string, Peer> {
  const known = new WeakMap<Lease, Peer>();
  return (leases) => {
    const table = new Map<string, Peer>();
    for (const lease of leases) {
      let peer = known.get(lease);
      if (peer === undefined) {
        peer = toPeer(lease);
        known.set(lease, peer);
      }
      table.set(peer.subnet, peer);
    }
    return table;
  };
}
