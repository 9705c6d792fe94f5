/** Which set of programs and maps is wanted, and what it takes over from the one in use. */
import { TartanError } from '../errors.ts';
import type { Dataplane } from './dataplane.ts';
import { type Generation, generationName, irregularPlacesOf, numberingOf } from './generations.ts';
import { irregularPlaces } from './irregular.ts';
import type { Op } from './op.ts';
import type { ObservedState } from './state.ts';

/**
 * The name of the generation that is wanted. It has room for at least as many irregular peers as one of the same numbering
 * that is there: their slots are taken over as they are.
 * @throws TartanError `MISSING` if the programs have not been built
 */
export function wantedGeneration(
  desired: Dataplane,
  { builds, generations }: ObservedState,
): string {
  const { object, settings } = desired;
  const build = builds[object];
  if (build) {
    const name = generationName(object, build, settings);
    const alike = [...generations.keys()].filter((one) => numberingOf(one) === numberingOf(name));
    const places = Math.max(irregularPlaces(desired), ...alike.map(irregularPlacesOf));
    return generationName(object, build, settings, places);
  }
  throw new TartanError(
    'MISSING',
    `the BPF programs have not been built: there is no build/bpf/${object}.o`,
    'Run `make bpf`, which needs clang and libbpf-dev (`apt-get install clang libbpf-dev`).',
  );
}

/**
 * The generation that is wanted, if it is not there whole.
 * @throws TartanError `PINS_FOREIGN` if its name is taken by something that is not ours; `MISSING`
 */
export function loadGeneration(desired: Dataplane | null, observed: ObservedState): Op[] {
  if (desired === null) return [];
  const { object, settings } = desired;
  const generation = wantedGeneration(desired, observed);
  const { flaw } = observed.generations.get(generation) ?? {};
  if (flaw?.kind === 'foreign') {
    throw new TartanError(
      'PINS_FOREIGN',
      `what is pinned as ${generation} is not ours: ${flaw.detail}`,
      'Run `tartan teardown`, which removes the pins, then `tartan join`.',
    );
  }
  if (isWhole(generation, observed)) return [];
  const from = predecessor(desired, observed);
  return [
    {
      op: 'bpf.load',
      object,
      generation,
      subnetCount: settings.subnetCount,
      irregularPlaces: irregularPlacesOf(generation),
      from: from?.name ?? null,
      renumbered: from?.renumbered ?? false,
    },
  ];
}

function isWhole(generation: string, { generations }: ObservedState): boolean {
  const found = generations.get(generation);
  return found !== undefined && !found.flaw;
}

interface Predecessor {
  readonly name: string;
  /** Whether its subnets have other places. */
  readonly renumbered: boolean;
}

/** The generation in use whose place the wanted one takes, if that is yet to be loaded; null: there is none. */
export function predecessor(desired: Dataplane, observed: ObservedState): Predecessor | null {
  const wanted = wantedGeneration(desired, observed);
  if (isWhole(wanted, observed)) return null;
  const inUse = observed.attachments.map(({ generation }) => generation);
  const name = [...inUse, ...observed.generations.keys()].find(
    (one): one is string => one !== null && one !== wanted && isWhole(one, observed),
  );
  return name === undefined
    ? null
    : { name, renumbered: numberingOf(name) !== numberingOf(wanted) };
}

/** What the wanted generation holds, or will hold once it is loaded; undefined: nothing. */
export function holdings(desired: Dataplane, observed: ObservedState): Generation | undefined {
  const wanted = wantedGeneration(desired, observed);
  if (isWhole(wanted, observed)) return observed.generations.get(wanted);
  const from = predecessor(desired, observed);
  const old = from === null ? undefined : observed.generations.get(from.name);
  return from?.renumbered && old ? { ...old, settings: null, peers: new Map() } : old;
}

/** Generations that nothing is to use any more. */
export function staleGenerations(desired: Dataplane | null, observed: ObservedState): Op[] {
  const keep = desired && wantedGeneration(desired, observed);
  return [...observed.generations.keys()]
    .filter((generation) => generation !== keep)
    .map((generation): Op => ({ op: 'bpf.unload', generation }));
}
