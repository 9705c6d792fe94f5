import type { ObservedState } from '../../src/plan/state.ts';
import type { Host as Model } from '../../test/plan/model_host.ts';

type Lists = Partial<
  Pick<ObservedState, 'links' | 'addresses' | 'routes' | 'neighbors' | 'fdb' | 'attachments'>
>;

/** In an order that does not depend on who lists it. */
export function sorted<T extends Lists & object>(state: T): T {
  const order = <V>(list: readonly V[] | undefined) =>
    list?.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  const { links, addresses, routes, neighbors, fdb, attachments } = state;
  const lists = { links, addresses, routes, neighbors, fdb, attachments };
  const known = Object.entries(lists).filter(([, list]) => list !== undefined);
  const { interfaces: _, table: __, ...rest } = state as T & Partial<Model>;
  return {
    ...rest,
    ...Object.fromEntries(known.map(([name, list]) => [name, order<object>(list)])),
  } as T;
}
