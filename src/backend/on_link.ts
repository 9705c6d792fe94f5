/** Which hosts are on the underlay interface's own layer 2, so that packets for their pods need no tunnel. */
import { parseIpv4 } from '../net/ipv4.ts';
import { type Prefix, parsePrefix, prefixContains } from '../net/prefix.ts';
import type { HostRoute } from '../plan/state.ts';
import type { Node } from './contract.ts';

/**
 * Looks addresses up in the host's routes as the kernel does: the longest prefix counts, and of those the lowest metric.
 * @returns whether an address is reached by the underlay interface without a gateway
 */
export function onLink({ interface: underlay, routes }: Node): (address: string) => boolean {
  const found = (routes ?? [])
    .map((route) => ({ ...route, prefix: parsePrefix(route.destination) }))
    .sort(byPrecedence);
  return (address) => {
    const number = parseIpv4(address);
    const route = found.find(({ prefix }) => prefixContains(prefix, number));
    return route !== undefined && route.via === null && route.device === underlay.name;
  };
}

type Found = HostRoute & { readonly prefix: Prefix };

function byPrecedence(a: Found, b: Found): number {
  return b.prefix.length - a.prefix.length || a.metric - b.metric;
}
