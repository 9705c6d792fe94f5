import { setTimeout } from 'node:timers/promises';
import { type ErrorCode, messageOf, TartanError } from '../errors.ts';
import { type Backoff, backoffMs } from '../jitter.ts';
import { interrupted } from './interrupt.ts';

/** What may be there later without a change to how the command was called: at boot, much is not there yet. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  'STORE_UNAVAILABLE',
  'CONFIG_MISSING',
  'OUT_OF_SUBNETS',
  'INTERFACE',
]);

const RETRY: Backoff = { firstMs: 500, limitMs: 10_000 };

/**
 * Tries until it succeeds, fails for good, or the signal aborts.
 * @param tell hears each reason once, not at each try
 * @throws TartanError `INTERRUPTED`, or what waiting does not help against
 */
export async function waitOut<T>(
  attempt: () => Promise<T>,
  signal: AbortSignal,
  tell: (message: string) => void,
  pause: (ms: number) => Promise<void> = (ms) => setTimeout(ms, undefined, { signal }),
): Promise<T> {
  let told: string | null = null;
  for (let failures = 0; ; failures += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof TartanError) || !PASSING.has(error.code)) throw error;
      if (messageOf(error) !== told) tell(messageOf(error));
      told = messageOf(error);
    }
    await pause(backoffMs(failures, RETRY, Math.random())).catch(() => {
      throw interrupted();
    });
  }
}
