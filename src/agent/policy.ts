/** What a host does with the overlay's packets beside carrying them: added to what the backend wants. */
import type { Decision } from '../backend/contract.ts';
import type { Lease } from '../lease/lease.ts';
import { formatPrefix, type Prefix } from '../net/prefix.ts';
import { masqueradeChain } from './masquerade.ts';
import type { HostState } from './state_file.ts';
import type { Survey } from './survey.ts';
import type { Policy } from './world.ts';

/** The same decision, with what the policy adds. */
export function withPolicy(
  decision: Decision,
  { policy, others, config: { network } }: Pick<Survey, 'policy' | 'others' | 'config'>,
  { subnet }: Lease,
): Decision {
  const chains = [
    decision.filter,
    policy.masquerades ? masqueradeChain(network, subnet) : null,
    others.length > 0 ? apartChain(network, others) : null,
  ].filter((chain) => chain !== null);
  return {
    ...decision,
    filter: chains.length === 0 ? null : chains.join('\n'),
    routes: policy.blackholes
      ? [...decision.routes, blackholeRoute(formatPrefix(subnet))]
      : decision.routes,
  };
}

/** What no pod's own route takes ends here, rather than on its way to the default gateway and back. */
function blackholeRoute(destination: string): Decision['routes'][number] {
  return { destination, via: '', device: '', onlink: true, blackhole: true };
}

/**
 * A chain of nft. A drop there ends a packet whatever other tables say. Both ways, so that it is enough if one of two
 * networks knows of the other.
 */
function apartChain(network: Prefix, others: readonly Prefix[]): string {
  const [own, rest] = [formatPrefix(network), others.map(formatPrefix).join(', ')];
  return `chain apart {
type filter hook forward priority filter
ip saddr ${own} ip daddr { ${rest} } drop
ip saddr { ${rest} } ip daddr ${own} drop
}`;
}

type Remembered = Pick<HostState, 'masquerades' | 'leavesForward' | 'blackholes' | 'apart'>;

/** For a state: what is as usual is left out. */
export function rememberPolicy(policy: Policy, others: readonly Prefix[] = []): Remembered {
  return {
    ...(policy.masquerades && { masquerades: true }),
    ...(!policy.forwards && { leavesForward: true }),
    ...(policy.blackholes && { blackholes: true }),
    ...(policy.apart && { apart: others.map(formatPrefix) }),
  };
}

/** What is asked for now, and what was asked for by the join that wrote the state. */
export function policyAsJoined(policy: Policy, state: Remembered): Policy {
  return {
    masquerades: policy.masquerades || state.masquerades === true,
    forwards: policy.forwards && state.leavesForward !== true,
    blackholes: policy.blackholes || state.blackholes === true,
    apart: policy.apart || state.apart !== undefined,
  };
}
