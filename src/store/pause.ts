import { setTimeout as delay } from 'node:timers/promises';

/** Waits, or until the signal aborts: then it resolves at once, without throwing. */
export async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  await delay(milliseconds, undefined, signal && { signal }).catch(() => undefined);
}
