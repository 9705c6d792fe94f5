import { parsePrefix, prefixesOverlap } from '../net/prefix.ts';
import { difference } from './difference.ts';
import type { Op } from './op.ts';
import type { DesiredState, ObservedState, Route } from './state.ts';

/**
 * Routes that go, and routes that come once their device is ready. A route by the underlay takes the place of any other
 * to its destination in one step, as flanneld's does; one into the overlay device stands behind what others have made.
 */
export function diffRoutes(
  desired: DesiredState,
  observed: Pick<ObservedState, 'routes' | 'links'>,
): { readonly remove: Op[]; readonly add: Op[] } {
  const own = observed.routes.filter((route) => isThisNetworks(route, desired, observed));
  const { missing, surplus } = difference(desired.routes, own);
  const direct = missing.filter(({ onlink }) => !onlink);
  const replaced = new Set(direct.map(({ destination }) => destination));
  return {
    remove: change(
      'routes.remove',
      surplus.filter(({ destination }) => !replaced.has(destination)),
    ),
    add: [
      ...change(
        'routes.add',
        missing.filter(({ onlink }) => onlink),
      ),
      ...change('routes.replace', direct),
    ],
  };
}

function isThisNetworks(
  { device, destination }: Route,
  { network, links: wanted }: DesiredState,
  { links }: Pick<ObservedState, 'links'>,
): boolean {
  const isOurs = links.some((link) => link.kind !== 'foreign' && link.name === device);
  if (isOurs || wanted.some(({ name }) => name === device)) return true;
  return network !== null && prefixesOverlap(parsePrefix(network), parsePrefix(destination));
}

/** Thousands of routes are one op: one process carries them out. */
function change(
  op: 'routes.add' | 'routes.replace' | 'routes.remove',
  routes: readonly Route[],
): Op[] {
  return routes.length > 0 ? [{ op, routes }] : [];
}
