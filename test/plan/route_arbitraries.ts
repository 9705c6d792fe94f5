/** Routes of every kind that can stand on a host, or be wanted there. */
import fc from 'fast-check';
import type { Route } from '../../src/plan/routes.ts';
import type { TableRoute } from './route_model.ts';

const aDestination = fc.constantFrom('10.5.1.0/24', '10.5.2.0/23', '10.5.4.0/22', '10.5.9.0/24');
const aNextHop = fc.constantFrom('192.168.64.3', '192.168.64.4', '192.168.64.254');

/** Into the overlay. */
export function routesOn(device: string): fc.Arbitrary<Route[]> {
  return fc.uniqueArray(aDestination).map((destinations) =>
    destinations.map((destination) => ({
      destination,
      via: '169.254.1.1',
      device,
      onlink: true,
    })),
  );
}

/** To direct peers. */
export function directRoutesOn(device: string): fc.Arbitrary<Route[]> {
  const one = fc
    .tuple(aDestination, aNextHop)
    .map(([destination, via]): Route => ({ destination, via, device, onlink: false }));
  return fc.uniqueArray(one, { selector: ({ destination }) => destination });
}

/** Of one subnet that this host may have, or none. */
const aBlackhole = fc
  .constantFrom('10.5.52.0/24', '10.5.53.0/24', null)
  .map((destination): Route[] =>
    destination === null
      ? []
      : [{ destination, via: '', device: '', onlink: true, blackhole: true }],
  );

/** One destination, one route: as a decision has them. */
export function wantedRoutes(
  overlay: string | null,
  underlay: string,
  hasDirect: boolean,
): fc.Arbitrary<Route[]> {
  return fc
    .tuple(
      overlay === null ? fc.constant([]) : routesOn(overlay),
      hasDirect ? directRoutesOn(underlay) : fc.constant([]),
      aBlackhole,
    )
    .map(([into, direct, blackhole]) => {
      const taken = new Set(direct.map(({ destination }) => destination));
      const others = into.filter(({ destination }) => !taken.has(destination));
      return [...others, ...direct, ...blackhole];
    });
}

/** Ours of an earlier life, other people's, another network's of this host, in any order. */
export function aTable(
  overlays: readonly string[],
  underlays: readonly string[],
): fc.Arbitrary<TableRoute[]> {
  const ours = [...overlays.map(routesOn), ...underlays.map(directRoutesOn)];
  const foreign = underlays.map((device) =>
    directRoutesOn(device).map((routes) =>
      routes.map((route): TableRoute => ({ ...route, isForeign: true })),
    ),
  );
  const ofOtherNetworks = fc
    .subarray([
      { destination: '10.9.1.0/24', via: '192.168.64.3', device: 'eth0', onlink: false },
      { destination: '10.9.2.0/24', via: '192.168.64.4', device: 'eth1', onlink: false },
    ])
    .map((routes): TableRoute[] => routes);
  return fc
    .tuple(fc.tuple(...ours, ...foreign), ofOtherNetworks, aBlackhole)
    .map(([lists, others, hole]) => [...lists.flat(), ...others, ...hole] as TableRoute[])
    .chain((routes) => fc.shuffledSubarray(routes, { minLength: routes.length }));
}
