/** What leaves or enters the overlay takes an address that its other end can answer: flannel's rules, in our nft table. */
import { formatPrefix, type Prefix } from '../net/prefix.ts';

/** Of groups that several hosts take part in, RFC 5771. */
const MULTICAST = '224.0.0.0/4';

/**
 * A chain of nft, after flannel's rules (pkg/trafficmngr/iptables): between pods the source stays, multicast is left
 * alone, and who comes to this host's pods from outside is seen as who it is. Ports are random, since two flows that
 * take the same one at the same moment would cost one of them its first packet.
 * @param network the overlay
 * @param subnet this host's part of it
 */
export function masqueradeChain(network: Prefix, subnet: Prefix): string {
  const [overlay, own] = [formatPrefix(network), formatPrefix(subnet)];
  return `chain postrouting {
type nat hook postrouting priority srcnat
ip saddr ${overlay} ip daddr ${overlay} return
ip daddr ${MULTICAST} return
ip saddr ${overlay} masquerade fully-random
ip daddr ${own} return
ip daddr ${overlay} masquerade fully-random
}`;
}
