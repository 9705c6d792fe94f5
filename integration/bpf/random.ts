/** Numbers that are the same for the same seed. */

export interface Random {
  /** A whole number from 0 to below `count`. */
  below(count: number): number;
  pick<T>(list: readonly T[]): T;
  /** True once in `count` times. */
  once(count: number): boolean;
  /** Where it stands: `seededRandom` goes on from there. */
  state(): number;
}

/** SplitMix32: each 32-bit seed has a sequence of its own. */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  const next = () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
  const below = (count: number) => Math.floor((next() / 2 ** 32) * count);
  return {
    below,
    pick: (list) => list[below(list.length)] as (typeof list)[number],
    once: (count) => below(count) === 0,
    state: () => state,
  };
}
