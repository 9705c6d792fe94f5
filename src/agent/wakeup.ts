/** Wakes one waiter; calls that come while nobody waits count as one. */
export interface Wakeup {
  notify(): void;
  /** Resolves at the next `notify` (or at once, if there was one since), or when the time is over. */
  wait(timeoutMs: number): Promise<void>;
}

/** setTimeout takes no more, and would fire at once. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

export function createWakeup(): Wakeup {
  let notified = false;
  let resolveWaiter: (() => void) | null = null;
  return {
    notify() {
      notified = true;
      resolveWaiter?.();
    },
    async wait(timeoutMs) {
      if (!notified && timeoutMs > 0) {
        const { promise, resolve } = Promise.withResolvers<void>();
        const timer = setTimeout(resolve, Math.min(timeoutMs, LONGEST_TIMEOUT_MS));
        resolveWaiter = resolve;
        await promise;
        clearTimeout(timer);
        resolveWaiter = null;
      }
      notified = false;
    },
  };
}
