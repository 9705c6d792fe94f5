/** Peers whose PublicIP no host can have. */
import type { Lease } from '../lease/lease.ts';
import { parseIpv4 } from '../net/ipv4.ts';
import { broadcastOf, formatPrefix, prefixOf } from '../net/prefix.ts';
import type { Node } from './contract.ts';

/**
 * The kernel takes a broadcast address for nobody's next hop.
 * @returns why the peer is left out, for people; null: it is not
 */
export function whyNoHost({ subnet, attributes }: Lease, node: Node): string | null {
  const { name, address, prefixLength } = node.interface;
  const broadcast = broadcastOf(prefixOf(parseIpv4(address), prefixLength));
  if (parseIpv4(attributes.publicIp) !== broadcast) return null;
  return `left out ${formatPrefix(subnet)}: its PublicIP ${attributes.publicIp} is the broadcast address of ${name}'s network; join that host again with its own --public-ip, or release the lease`;
}
