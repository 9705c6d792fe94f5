/**
 * How long to wait so that many who begin at one moment do not end at one moment: at most `longestMs`, less a random part
 * of `share` of it.
 * @param share how much of it is left to chance, from 0 to 1
 * @param random what chance has drawn, from 0 to below 1
 */
export function jitter(longestMs: number, share: number, random: number): number {
  return longestMs * (1 - share * random);
}

export interface Backoff {
  readonly firstMs: number;
  readonly limitMs: number;
}

/** Half of a pause before another try is left to chance. */
const BACKOFF_SHARE = 0.5;

/**
 * How long to wait before try number `attempt` (from 0): twice as long each time, up to a limit, with jitter.
 * @param random what chance has drawn, from 0 to below 1
 */
export function backoffMs(attempt: number, { firstMs, limitMs }: Backoff, random: number): number {
  return jitter(Math.min(firstMs * 2 ** attempt, limitMs), BACKOFF_SHARE, random);
}
