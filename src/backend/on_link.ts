/** Which hosts are on the underlay interface's own layer 2, so that packets for their pods need no tunnel. */
import { parseIpv4 } from '../net/ipv4.ts';
import { parsePrefix, prefixOf } from '../net/prefix.ts';
import type { HostRoute } from '../plan/routes.ts';
import type { Node } from './contract.ts';

/**
 * Looks addresses up in the host's routes as the kernel does: the longest prefix counts, and of those the lowest metric.
 * @returns whether an address is reached by the underlay interface without a gateway
 */
export function onLink({ interface: underlay, routes }: Node): (address: string) => boolean {
  const byLength = indexRoutes(routes ?? []);
  return (address) => {
    const number = parseIpv4(address);
    for (const [length, found] of byLength) {
      const route = found.get(prefixOf(number, length).address);
      if (route !== undefined) return route.via === null && route.device === underlay.name;
    }
    return false;
  };
}

/**
 * By prefix length, the longest first, and by network address: a host may have as many routes as the network has peers.
 */
function indexRoutes(routes: readonly HostRoute[]): Map<number, Map<number, HostRoute>> {
  const byLength = new Map<number, Map<number, HostRoute>>();
  for (const route of routes) {
    const { address, length } = parsePrefix(route.destination);
    const found = byLength.get(length) ?? new Map<number, HostRoute>();
    const other = found.get(address);
    // Of equal ones, the kernel lists the one first that it takes.
    if (other === undefined || route.metric < other.metric) found.set(address, route);
    byLength.set(length, found);
  }
  return new Map([...byLength].sort(([a], [b]) => b - a));
}
