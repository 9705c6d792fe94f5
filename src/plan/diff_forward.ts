import type { Op } from './op.ts';
import type { DesiredState, ObservedState } from './state.ts';

/** The chains that are to accept the network get its rules; then any other loses them, so that none is missed. */
export function diffForward(
  { forward }: Pick<DesiredState, 'forward'>,
  { forwardChains = [] }: Pick<ObservedState, 'forwardChains'>,
): Op[] {
  const ops = forwardChains.flatMap(({ by, chain, isPlace, accepts }): Op[] => {
    const network = forward !== undefined && isPlace ? forward : null;
    if (network === accepts) return [];
    if (network === null) return [{ op: 'forward.withdraw', by, chain }];
    return [{ op: 'forward.accept', by, chain, network }];
  });
  const comes = ({ op }: Op) => op === 'forward.accept';
  return [...ops.filter(comes), ...ops.filter((op) => !comes(op))];
}
