/** Routes by the underlay itself: to the subnets of hosts on its own layer 2, via these hosts. */
import type { Lease } from '../lease/lease.ts';
import { formatPrefix } from '../net/prefix.ts';
import type { Route } from '../plan/routes.ts';
import type { Node } from './contract.ts';

export function routesByUnderlay(
  peers: readonly Lease[],
  { interface: { name: device } }: Node,
): Route[] {
  return peers.map(({ subnet, attributes: { publicIp: via } }) => {
    return { destination: formatPrefix(subnet), via, device, onlink: false };
  });
}

/**
 * The device of this host that a subnet is on, such as a bridge with pods: a route via another host would cut them off.
 * @returns null: it is on none, or on the underlay itself
 */
export function deviceWith(subnet: string, { routes, interface: underlay }: Node): string | null {
  const own = (routes ?? []).find(
    ({ destination, via, device }) =>
      destination === subnet && via === null && device !== '' && device !== underlay.name,
  );
  return own?.device ?? null;
}

/** Routes of other people's whose place ours take, as flannel's do. */
export function warnOfRivals(routes: readonly Route[], { routes: others }: Node): string[] {
  const rivals = new Map(
    (others ?? []).filter(({ metric }) => metric === 0).map((route) => [route.destination, route]),
  );
  return routes.flatMap(({ destination, via }) => {
    const rival = rivals.get(destination);
    if (rival === undefined) return [];
    const way = [
      ...(rival.via === null ? [] : [`via ${rival.via}`]),
      ...(rival.device === '' ? [] : [`dev ${rival.device}`]),
    ].join(' ');
    return [
      `the route to ${destination}${way && ` ${way}`} that was there gives way to one via ${via}`,
    ];
  });
}
