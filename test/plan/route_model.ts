/** The host's routes as they stand in the kernel's order, ours and other people's. */
import assert from 'node:assert/strict';
import type { Op } from '../../src/plan/op.ts';
import type { Route } from '../../src/plan/routes.ts';

/** Of two to one destination, the one that comes first is in force. */
export interface TableRoute extends Route {
  /** Another daemon's or an administrator's. */
  readonly isForeign?: true;
}

type RouteOp = Extract<Op, { op: 'routes.add' | 'routes.replace' | 'routes.remove' }>;

/** What is seen of ours. */
export function routesIn(table: readonly TableRoute[]): Route[] {
  return table.flatMap(({ isForeign, ...route }, at) => {
    if (isForeign) return [];
    const isFirst = firstTo(table, route) === at;
    return [isFirst ? route : { ...route, behind: true }];
  });
}

export function changeTable(table: readonly TableRoute[], { op, routes }: RouteOp): TableRoute[] {
  const change = { 'routes.add': append, 'routes.replace': replace, 'routes.remove': remove }[op];
  return routes.reduce(change, [...table]);
}

function append(table: TableRoute[], route: Route): TableRoute[] {
  assert.equal(find(table, route), -1, 'File exists');
  return [...table, route];
}

/** NLM_F_REPLACE: the first to the destination goes, whoever made it (fib_table_insert in net/ipv4/fib_trie.c). */
function replace(table: TableRoute[], route: Route): TableRoute[] {
  const [found, first] = [find(table, route), firstTo(table, route)];
  assert(found === -1 || found === first, 'File exists');
  return first === -1 ? [...table, route] : table.with(first, route);
}

function remove(table: TableRoute[], route: Route): TableRoute[] {
  const found = find(table, route);
  assert.notEqual(found, -1, 'No such process');
  return table.toSpliced(found, 1);
}

function firstTo(table: readonly TableRoute[], { destination }: Route): number {
  return table.findIndex((other) => other.destination === destination);
}

function find(table: readonly TableRoute[], { destination, via, device }: Route): number {
  return table.findIndex(
    (other) =>
      !other.isForeign &&
      other.destination === destination &&
      other.via === via &&
      other.device === device,
  );
}
