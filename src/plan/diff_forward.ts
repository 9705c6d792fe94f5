import type { ForwardChain } from './forward.ts';
import type { Op } from './op.ts';
import type { DesiredState, ObservedState } from './state.ts';

/** Of each iptables, the one chain that is to accept the network gets its rules; any other loses them. */
export function diffForward(
  { forward }: Pick<DesiredState, 'forward'>,
  { forwardChains: chains = [] }: Pick<ObservedState, 'forwardChains'>,
): Op[] {
  return chains.flatMap((at): Op[] => {
    const { by, chain, accepts } = at;
    const network = forward !== undefined && isPlace(at, chains) ? forward : null;
    if (network === accepts) return [];
    if (network === null) return [{ op: 'forward.withdraw', by, chain }];
    return [{ op: 'forward.accept', by, chain, network }];
  });
}

/** What Docker's own chains drop comes before the end of FORWARD; where nothing is dropped, nothing is added. */
function isPlace(
  { by, chain, drops, unreadable }: ForwardChain,
  chains: readonly ForwardChain[],
): boolean {
  if (unreadable !== undefined) return false;
  if (chain === 'DOCKER-USER') return true;
  return drops && !chains.some((other) => other.by === by && other.chain === 'DOCKER-USER');
}
