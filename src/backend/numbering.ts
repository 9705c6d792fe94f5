/** Which subnets have a place of their own in the programs' peer array. */
import type { NetworkConfig } from '../lease/config.ts';
import { formatPrefix, prefixOf, prefixSize } from '../net/prefix.ts';
import type { Settings } from '../plan/dataplane.ts';

/** The BPF peer array's limit; a network with more subnets keeps the rest in the trie. */
const MAX_ARRAY_PEERS = 65_536;

/** What the settings say of a network. */
export function numberSubnets({
  network,
  subnetMin,
  subnetMax,
  subnetLength,
}: NetworkConfig): Pick<Settings, 'network' | 'firstSubnet' | 'subnetCount'> {
  const all = (subnetMax - subnetMin) / prefixSize(subnetLength) + 1;
  return {
    network: formatPrefix(network),
    firstSubnet: formatPrefix(prefixOf(subnetMin, subnetLength)),
    subnetCount: Math.min(all, MAX_ARRAY_PEERS),
  };
}
