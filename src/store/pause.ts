import { setTimeout as delay } from 'node:timers/promises';

/** Waits, or until the signal aborts: then it resolves at once, without throwing. */
export async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  await delay(milliseconds, undefined, signal && { signal }).catch(() => undefined);
}

/** How long to wait before try number `attempt` (from 0): doubling up to a limit, half of it random. */
export function backoffMs(attempt: number, firstMs: number, limitMs: number): number {
  const full = Math.min(firstMs * 2 ** Math.min(attempt, 30), limitMs);
  return full * (0.5 + Math.random() / 2);
}
