import type { Op } from './op.ts';
import type { DesiredState, ObservedState } from './state.ts';

/** The chains that are to accept the network get its rules; any other loses them. */
export function diffForward(
  { forward }: Pick<DesiredState, 'forward'>,
  { forwardChains = [] }: Pick<ObservedState, 'forwardChains'>,
): Op[] {
  return forwardChains.flatMap(({ by, chain, isPlace, accepts }): Op[] => {
    const network = forward !== undefined && isPlace ? forward : null;
    if (network === accepts) return [];
    if (network === null) return [{ op: 'forward.withdraw', by, chain }];
    return [{ op: 'forward.accept', by, chain, network }];
  });
}
