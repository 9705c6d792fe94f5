/** host-gw: a route to each peer's subnet via the peer itself, as flannel's; packets travel as they are. */
import type { NetworkConfig } from '../lease/config.ts';
import type { Lease } from '../lease/lease.ts';
import { formatPrefix } from '../net/prefix.ts';
import type { Route } from '../plan/state.ts';
import type { Backend, Decision, Node, Offer } from './contract.ts';
import { onLink } from './on_link.ts';

export const hostGw: Backend = {
  type: 'host-gw',
  dataplanes: ['bpf', 'kernel'],
  attributes,
  desired,
};

function attributes(_config: NetworkConfig, node: Node): Offer {
  return {
    attributes: { publicIp: node.publicIp, publicIpv6: null, backendType: 'host-gw' },
    mtu: node.interface.mtu,
  };
}

function desired(
  config: NetworkConfig,
  node: Node,
  _own: Lease,
  leases: readonly Lease[],
): Decision {
  const isOnLink = onLink(node);
  const peers = leases.filter(({ attributes: { backendType } }) => backendType === 'host-gw');
  const reachable = peers.filter(({ attributes: { publicIp } }) => isOnLink(publicIp));
  const { name: device } = node.interface;
  const routes = reachable.map(({ subnet, attributes: { publicIp } }): Route => {
    return { destination: formatPrefix(subnet), via: publicIp, device, onlink: false };
  });
  return {
    mode: 'default',
    reached: routes.length,
    network: formatPrefix(config.network),
    links: [],
    addresses: [],
    routes,
    neighbors: [],
    fdb: [],
    filter: null,
    dataplane: null,
    warnings: [
      ...peers
        .filter((peer) => !reachable.includes(peer))
        .map(
          ({ subnet, attributes: { publicIp } }) =>
            `left out ${formatPrefix(subnet)}: its host ${publicIp} is not on the layer 2 of ${device}, which host-gw needs`,
        ),
      ...warnOfRivals(routes, node),
    ],
  };
}

/** Routes of other people's whose place ours take, as flannel's do. */
export function warnOfRivals(routes: readonly Route[], { routes: others }: Node): string[] {
  const rivals = new Map(
    (others ?? []).filter(({ metric }) => metric === 0).map((route) => [route.destination, route]),
  );
  return routes.flatMap(({ destination, via }) => {
    const rival = rivals.get(destination);
    if (rival === undefined) return [];
    const way = rival.via === null ? `dev ${rival.device}` : `via ${rival.via} dev ${rival.device}`;
    return [`the route to ${destination} ${way} that was there gives way to one via ${via}`];
  });
}
