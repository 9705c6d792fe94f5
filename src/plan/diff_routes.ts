import { parsePrefix, prefixesOverlap } from '../net/prefix.ts';
import type { Op } from './op.ts';
import type { Route } from './routes.ts';
import type { DesiredState, ObservedState } from './state.ts';

export interface RouteOps {
  /** Into the overlay device: they lead nowhere once that goes. */
  readonly leave: Op[];
  /** By the underlay, which is always ready: before anything else relies on them. */
  readonly replace: Op[];
  /** Into the overlay device, once that is ready. */
  readonly add: Op[];
  /** By the underlay, once nothing relies on them and other routes have taken over. */
  readonly remove: Op[];
}

/**
 * Routes that go, and routes that come. A route by the underlay takes the place of any other to its destination in one
 * step, as flanneld's does; one into the overlay device stands behind what others have made. A peer that moves from the
 * one to the other is never without.
 */
export function diffRoutes(
  desired: DesiredState,
  observed: Pick<ObservedState, 'routes' | 'links'>,
): RouteOps {
  const own = observed.routes.filter((route) => isThisNetworks(route, desired, observed));
  const wanted = new Set(desired.routes.map(keyOf));
  const present = new Set(own.filter(isInPlace).map(keyOf));
  const missing = desired.routes.filter((route) => !present.has(keyOf(route)));
  const surplus = own.filter((route) => !wanted.has(keyOf(route)) || !isInPlace(route));
  const direct = missing.filter(({ onlink }) => !onlink);
  const replaced = new Set(direct.map(({ destination }) => destination));
  // What stands behind another is not what a replacement finds in its place.
  const leaving = surplus.filter(({ destination, behind }) => behind || !replaced.has(destination));
  const isLate = ({ onlink, behind }: Route) => !onlink && !behind;
  return {
    leave: change(
      'routes.remove',
      leaving.filter((route) => !isLate(route)),
    ),
    replace: change('routes.replace', direct),
    add: change(
      'routes.add',
      missing.filter(({ onlink }) => onlink),
    ),
    remove: change('routes.remove', leaving.filter(isLate)),
  };
}

function keyOf({ destination, via, device, onlink, blackhole }: Route): string {
  return [destination, via, device, onlink, blackhole === true].join(' ');
}

/** One into the overlay device may stand behind others. */
function isInPlace({ onlink, behind }: Route): boolean {
  return onlink || !behind;
}

function isThisNetworks(
  { device, destination }: Route,
  { network, formerNetwork, links: wanted }: DesiredState,
  { links }: Pick<ObservedState, 'links'>,
): boolean {
  const isOurs = links.some((link) => link.kind !== 'foreign' && link.name === device);
  if (isOurs || wanted.some(({ name }) => name === device)) return true;
  const prefix = parsePrefix(destination);
  return [network, formerNetwork].some(
    (overlay) => overlay != null && prefixesOverlap(parsePrefix(overlay), prefix),
  );
}

/** Thousands of routes are one op: one process carries them out. */
function change(
  op: 'routes.add' | 'routes.replace' | 'routes.remove',
  routes: readonly Route[],
): Op[] {
  if (routes.length === 0) return [];
  return [{ op, routes: routes.map(({ behind: _, ...route }) => route) }];
}
