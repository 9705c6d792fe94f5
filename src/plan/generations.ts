/** Pinned sets of programs and maps. Which set is wanted is told by its name alone. */
import type { Endpoint, Peer, Settings } from './dataplane.ts';

/** One pinned set of programs and maps. */
export interface Generation {
  readonly settings: Settings | null;
  readonly peers: ReadonlyMap<string, Peer>;
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  /** The addresses from which packets are accepted are not those of the peers. */
  readonly strays?: boolean;
  /** `incomplete`: pins are missing, it is to be loaded anew. `foreign`: a map in it is not one that we made. */
  readonly flaw?: { readonly kind: 'incomplete' | 'foreign'; readonly detail: string };
}

/**
 * The pinned set's name: other programs, or a peer array of another size or numbering, make another set, which takes
 * the old one's place. Without dots and slashes: a BPF file system allows none.
 * @param irregularPlaces of the trie beside the array; told where there are more than the least
 */
export function generationName(
  object: string,
  build: string,
  { firstSubnet, subnetCount }: Pick<Settings, 'firstSubnet' | 'subnetCount'>,
  irregularPlaces = LEAST_IRREGULAR_PLACES,
): string {
  const numbering = `${firstSubnet.replaceAll(/[./]/g, '-')}-${subnetCount}`;
  const places = irregularPlaces > LEAST_IRREGULAR_PLACES ? `-${irregularPlaces}` : '';
  return `${generationPrefix(object, build)}${numbering}${places}`;
}

/** Where in a generation's name its numbering begins and ends: four octets, the length and the number of subnets. */
const NUMBERING = [2, 8] as const;

/** The part of a generation's name that tells how its subnets are numbered. */
export function numberingOf(generation: string): string {
  return generation
    .split('-')
    .slice(...NUMBERING)
    .join('-');
}

/** How many peers have room in a generation's trie, by its name. */
export function irregularPlacesOf(generation: string): number {
  return Number(generation.split('-')[NUMBERING[1]] ?? LEAST_IRREGULAR_PLACES);
}

/** How many peers without a place in the peer array can stand at least; `IRREGULAR_PEERS` in bpf/include/maps.h. */
export const LEAST_IRREGULAR_PLACES = 1024;

/** How the names of all generations begin that one build of an object has made. */
export function generationPrefix(object: string, build: string): string {
  return `${object}-${build.slice(0, 12)}-`;
}

/** The object that a generation was loaded from. */
export function objectOf(generation: string): string {
  return generation.split('-')[0] ?? '';
}
