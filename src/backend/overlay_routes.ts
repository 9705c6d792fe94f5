/** Which prefixes are routed into the overlay, and which peers can be reached through it. */
import { TartanError } from '../errors.ts';
import type { NetworkConfig } from '../lease/config.ts';
import type { Lease } from '../lease/lease.ts';
import { parseIpv4 } from '../net/ipv4.ts';
import {
  coverRange,
  formatPrefix,
  lastAddress,
  type Prefix,
  prefixContains,
  prefixesEqual,
  prefixesOverlap,
  prefixOf,
} from '../net/prefix.ts';
import type { Route } from '../plan/routes.ts';
import type { Node } from './contract.ts';
import { noHostBeside } from './no_host.ts';

/**
 * The next hop of every overlay route: an on-link gateway keeps the kernel from making a neigh entry for each remote
 * pod. Link-local, and never on any wire.
 */
const GATEWAY = '169.254.1.1';

export interface OverlayRoutes {
  /** The fewest prefixes that cover all that may be leased, and the leases outside of it or inside the own subnet. */
  readonly prefixes: readonly Prefix[];
  readonly reachable: readonly Lease[];
  /** What of the others is wrong. */
  readonly warnings: readonly string[];
}

/**
 * Plans the routes. The own subnet is never routed by itself: that route belongs to the pods' bridge, and so a longer
 * lease inside of it needs one of its own. A peer whose PublicIP lies in the overlay would have its outer packets routed
 * into the tunnel again: it is left out, and so is a lease outside the network that would draw a host's address in, or one
 * whose PublicIP no host can have.
 * @throws TartanError `CONFIG_INVALID` if an address of this host lies in the overlay
 */
export function planRoutes(
  config: NetworkConfig,
  node: Node,
  own: Lease,
  peers: readonly Lease[],
): OverlayRoutes {
  const lastSubnet = prefixOf(config.subnetMax, config.subnetLength);
  const cover = coverRange(config.subnetMin, lastAddress(lastSubnet));
  const underlay = prefixOf(parseIpv4(node.interface.address), node.interface.prefixLength);
  requireOutside(cover, underlay, own.subnet, node);

  const warnings: string[] = [];
  const reachable: Lease[] = [];
  const single: Prefix[] = [];
  const whyNoHost = noHostBeside(node);
  for (const lease of peers) {
    const { subnet, attributes } = lease;
    const publicIp = parseIpv4(attributes.publicIp);
    const noHost = whyNoHost(lease, publicIp);
    const inside = swallows(cover, underlay, publicIp);
    const isBeyond = !cover.some((prefix) => covers(prefix, subnet));
    if (inside) {
      warnings.push(
        `left out ${formatPrefix(subnet)}: its PublicIP ${attributes.publicIp} lies in the overlay itself (${formatPrefix(inside)})`,
      );
    } else if (noHost !== null) {
      warnings.push(noHost);
    } else if (
      isBeyond &&
      ownAddresses(node).some(({ address }) => swallows([subnet], underlay, address))
    ) {
      warnings.push(`left out ${formatPrefix(subnet)}: an address of this host lies in it`);
    } else {
      reachable.push(lease);
      if (isBeyond || isInside(own.subnet, subnet)) single.push(subnet);
    }
  }
  const outside = (prefix: Prefix) =>
    !prefixesEqual(prefix, own.subnet) && !isInside(own.subnet, prefix);
  const prefixes = [...cover.filter(outside), ...single];
  return { prefixes, reachable, warnings };
}

/** What leads the host's packets for a prefix into the overlay device. */
export function routeInto(device: string, prefix: Prefix): Route {
  return { destination: formatPrefix(prefix), via: GATEWAY, device, onlink: true };
}

function ownAddresses({ publicIp, interface: { name, address } }: Node) {
  return [
    { address: parseIpv4(publicIp), text: publicIp, whose: "this host's PublicIP" },
    { address: parseIpv4(address), text: address, whose: `the address of ${name}` },
  ];
}

function requireOutside(
  cover: readonly Prefix[],
  underlay: Prefix,
  ownSubnet: Prefix,
  node: Node,
): void {
  for (const { address, text, whose } of ownAddresses(node)) {
    // What is in the own subnet is a pod's, or a bridge's for pods, however it is connected.
    const isPods = prefixContains(ownSubnet, address);
    const prefix = isPods ? ownSubnet : swallows(cover, underlay, address);
    if (prefix === undefined) continue;
    throw new TartanError(
      'CONFIG_INVALID',
      `${whose}, ${text}, lies in the overlay itself (${formatPrefix(prefix)})`,
      'Name another interface with --iface, or choose a Network that does not overlap the addresses of the hosts.',
    );
  }
}

/** The prefix whose route an address would take; none if the underlay's own route is the more specific one. */
function swallows(
  prefixes: readonly Prefix[],
  underlay: Prefix,
  address: number,
): Prefix | undefined {
  const found = prefixes.find((prefix) => prefixContains(prefix, address));
  const isConnected = prefixContains(underlay, address);
  return found && isConnected && underlay.length > found.length ? undefined : found;
}

/** A host that holds a /22 may have peers with a /24 of it; the rest of it is its own pods'. */
function isInside(own: Prefix, subnet: Prefix): boolean {
  return subnet.length > own.length && prefixesOverlap(own, subnet);
}

function covers(prefix: Prefix, subnet: Prefix): boolean {
  return prefix.length <= subnet.length && prefixesOverlap(prefix, subnet);
}
