import { setTimeout as delay } from 'node:timers/promises';
import { interrupted } from './interrupt.ts';
import { PATIENCE } from './patience.ts';

export interface WaitOptions {
  /** Default 10. */
  readonly limitSeconds?: number;
  /** Between two looks; default 20. */
  readonly everyMilliseconds?: number;
  /** Part of a cleanup: goes on although the process was interrupted. */
  readonly evenIfInterrupted?: boolean;
}

/**
 * Waits until `look` gives something other than `false`, `null` or `undefined`, and returns that. What `look` throws
 * counts as "not yet", and is part of the error when the limit has passed.
 */
export async function waitFor<T>(
  what: string,
  look: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<Exclude<T, false | null | undefined>> {
  const { everyMilliseconds = 20 } = options;
  const limitSeconds = PATIENCE * (options.limitSeconds ?? 10);
  const deadline = performance.now() + limitSeconds * 1000;
  for (;;) {
    let cause: unknown;
    try {
      const seen = await look();
      if (seen !== false && seen !== null && seen !== undefined) {
        return seen as Exclude<T, false | null | undefined>;
      }
    } catch (error) {
      cause = error;
    }
    if (!options.evenIfInterrupted) interrupted.throwIfAborted();
    if (performance.now() > deadline) {
      const detail = cause instanceof Error ? `: ${cause.message}` : '';
      throw new Error(`not within ${limitSeconds} s: ${what}${detail}`, { cause });
    }
    await delay(everyMilliseconds);
  }
}
