import { difference } from './difference.ts';
import type { Op } from './op.ts';
import type { DesiredState, ObservedState } from './state.ts';

/** FOU ports that go, and those that come. */
export function diffFou(
  { fou = [] }: Pick<DesiredState, 'fou'>,
  { fou: found = [] }: Pick<ObservedState, 'fou'>,
): { readonly add: Op[]; readonly remove: Op[] } {
  const { missing, surplus } = difference(fou, found);
  return {
    add: missing.map((one): Op => ({ op: 'fou.add', fou: one })),
    remove: surplus.map((one): Op => ({ op: 'fou.remove', fou: one })),
  };
}
