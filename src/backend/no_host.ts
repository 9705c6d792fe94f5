/** Peers whose PublicIP no host can have. */
import type { Lease } from '../lease/lease.ts';
import { parseIpv4 } from '../net/ipv4.ts';
import { broadcastOf, formatPrefix, prefixOf } from '../net/prefix.ts';
import type { Node } from './contract.ts';

/**
 * The kernel takes a broadcast address for nobody's next hop.
 * @returns says why a peer is left out, for people; null: it is not
 */
export function noHostBeside(node: Node): (lease: Lease, publicIp: number) => string | null {
  const { name, address, prefixLength } = node.interface;
  const broadcast = broadcastOf(prefixOf(parseIpv4(address), prefixLength));
  return ({ subnet, attributes }, publicIp) =>
    publicIp === broadcast
      ? `left out ${formatPrefix(subnet)}: its PublicIP ${attributes.publicIp} is the broadcast address of ${name}'s network; join that host again with its own --public-ip, or release the lease`
      : null;
}
