/**
 * Programs on devices by tc's clsact: filters of direct action, each known by its name. For kernels before 6.6, which
 * have no TCX.
 *
 * The kernel switches a device's egress off for a moment when it makes or deletes a clsact qdisc, and loses what is sent
 * then. So one that we made stays until the teardown, without filters if need be.
 */
import { TartanError } from '../errors.ts';
import {
  createClsact,
  deleteClsact,
  deleteFilter,
  type Filter,
  type FilterSlot,
  listClsact,
  listFilters,
  putFilter,
} from '../sys/tc.ts';
import { forgetMadeQdisc, listMadeQdiscs, noteMadeQdisc, type Pins } from './pins.ts';
import { type AttachSite, type Found, isAt, type Place } from './place.ts';

/**
 * Neither what Cilium takes (1) nor what the kernel gives out (49152 and downwards); where others have it, the next one.
 * Each network has its own: of filters at one priority the newest runs first.
 */
const PRIORITY = 8472;
const HANDLE = 116;

const HOOKS = ['ingress', 'egress'] as const;

interface FoundFilter extends Found {
  readonly slot: FilterSlot;
}

/** What a filter is called begins with the network's label; no other program calls its filters so. */
function labelOf(network: string): string {
  return `tartan:${network}:`;
}

/** Filters of this network on every device. */
export function readFilters(pins: Pins): FoundFilter[] {
  const label = labelOf(pins.network);
  return listClsact().flatMap(({ ifindex, kind }) =>
    HOOKS.filter((hook) => hook === 'ingress' || kind === 'clsact').flatMap((hook) =>
      listFilters({ ifindex, hook })
        .filter(({ name }) => name.startsWith(label))
        .map(({ name, programId, ...slot }) => {
          return {
            program: name.slice(label.length),
            by: 'clsact',
            ifindex,
            hook,
            programId,
            slot,
          };
        }),
    ),
  );
}

/**
 * Attaches a program: in the place of one of ours that is there, else as a new filter.
 * @throws TartanError `KERNEL` if another qdisc stands where clsact would
 */
export function attachFilter(place: Place & AttachSite, programFd: number): void {
  requireClsact(place);
  const { pins } = place;
  const [there, ...doubles] = readFilters(pins).filter((found) => isAt(place, found));
  const slot = there?.slot ?? freeSlot(listFilters(place));
  putFilter(place, slot, { fd: programFd, name: `${labelOf(pins.network)}${place.program}` });
  for (const double of doubles) deleteFilter(double, double.slot);
}

function requireClsact({ bpffs, pins, ifindex, hook }: Place & AttachSite): void {
  const found = listClsact();
  for (const made of listMadeQdiscs(pins))
    if (!found.some((one) => one.ifindex === made)) forgetMadeQdisc(pins, made);
  const there = found.find((one) => one.ifindex === ifindex);
  if (there?.kind === 'ingress' && hook === 'egress') {
    throw new TartanError(
      'KERNEL',
      `device ${ifindex} has an ingress qdisc of somebody else's, which has no room for egress`,
      'Whoever made it should use clsact instead (`tc qdisc replace dev … clsact`).',
    );
  }
  if (there) return;
  noteMadeQdisc(bpffs, pins, ifindex);
  if (!createClsact(ifindex)) forgetMadeQdisc(pins, ifindex);
}

/** Behind those of other networks, and never at a priority at which others have filters. */
export function freeSlot(
  filters: readonly Pick<Filter, 'name' | 'priority' | 'handle'>[],
): FilterSlot {
  const ours = filters.filter(({ name }) => name.startsWith('tartan:'));
  let priority = Math.max(PRIORITY, ...ours.map((filter) => filter.priority + 1));
  while (filters.some((filter) => filter.priority === priority)) priority += 1;
  return { priority, handle: HANDLE };
}

/** Takes the program off that device. */
export function detachFilters(pins: Pins, place: Place): void {
  for (const found of readFilters(pins)) if (isAt(place, found)) deleteFilter(found, found.slot);
}

export function detachAllFilters(pins: Pins): void {
  for (const found of readFilters(pins)) deleteFilter(found, found.slot);
}

/** Removes the qdiscs that we made, but for those on which somebody has filters. */
export function removeMadeQdiscs(pins: Pins): void {
  const found = listClsact();
  for (const ifindex of listMadeQdiscs(pins)) {
    const isThere = found.some((one) => one.ifindex === ifindex && one.kind === 'clsact');
    const isEmpty = HOOKS.every((hook) => listFilters({ ifindex, hook }).length === 0);
    if (isThere && isEmpty) deleteClsact(ifindex);
    forgetMadeQdisc(pins, ifindex);
  }
}
