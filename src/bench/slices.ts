import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long this process is deaf to signals and to the other end, at most (and a socket's time limit longer). */
const SLICE_MS = 25;

/**
 * Repeats a step that blocks the process until it says `false`, `until` (performance.now()) is over, or `signal` aborts;
 * between slices of 25 ms the process hears what has come.
 */
export async function repeatInSlices(
  step: () => boolean | undefined,
  { until, signal }: { until: number; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    const sliceEnd = Math.min(until, performance.now() + SLICE_MS);
    do {
      if (step() === false) return;
    } while (performance.now() < sliceEnd);
    if (performance.now() >= until) return;
    await nextTurn();
  }
}
