import type { Peer } from '../plan/dataplane.ts';
import type { Op } from '../plan/op.ts';
import type { ObservedState } from '../plan/state.ts';

/**
 * What is known after a step; null: the kernel must be read again. Only what changes with the peers is followed, which
 * is all the time: other steps have effects beyond themselves (a link that goes down loses its routes).
 */
export function advance(known: ObservedState, op: Op): ObservedState | null {
  switch (op.op) {
    case 'peers.write':
    case 'peers.remove':
      return advancePeers(known, op);
    case 'routes.add':
      return { ...known, routes: [...known.routes, ...op.routes] };
    case 'routes.replace': {
      const taken = new Set(op.routes.map(({ destination }) => destination));
      const others = known.routes.filter(({ destination }) => !taken.has(destination));
      return { ...known, routes: [...others, ...op.routes] };
    }
    case 'routes.remove':
      return {
        ...known,
        routes: without(known.routes, op.routes, ({ destination, via }) => `${destination} ${via}`),
      };
    case 'neighbors.write': {
      const others = without(known.neighbors, op.neighbors, ({ address }) => address);
      return { ...known, neighbors: [...others, ...op.neighbors] };
    }
    case 'neighbors.remove':
      return {
        ...known,
        neighbors: without(known.neighbors, op.neighbors, ({ address }) => address),
      };
    case 'fdb.write':
      return { ...known, fdb: [...without(known.fdb, op.fdb, ({ mac }) => mac), ...op.fdb] };
    case 'fdb.remove':
      return { ...known, fdb: without(known.fdb, op.fdb, ({ mac }) => mac) };
    default:
      return null;
  }
}

function without<T extends { readonly device: string }>(
  entries: readonly T[],
  others: readonly T[],
  placeOn: (entry: T) => string,
): T[] {
  const place = (entry: T) => `${entry.device} ${placeOn(entry)}`;
  const gone = new Set(others.map(place));
  return entries.filter((entry) => !gone.has(place(entry)));
}

/** In place: a network's worth of peers is not copied for one of them. */
function advancePeers(
  known: ObservedState,
  op: Extract<Op, { op: 'peers.write' | 'peers.remove' }>,
): ObservedState | null {
  const peers = known.generations.get(op.generation)?.peers;
  if (!(peers instanceof Map)) return null;
  const followed: Map<string, Peer> = peers;
  if (op.op === 'peers.write') for (const peer of op.peers) followed.set(peer.subnet, peer);
  else for (const subnet of op.subnets) followed.delete(subnet);
  return known;
}
