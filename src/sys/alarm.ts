/** Between what rings whenever it likes, and one who asks now and then. */
export interface Alarm extends Disposable {
  ring(): void;
  /** Makes whoever asks next hear of the error. */
  fail(error: unknown): void;
  /** Resolves once it has rung since it was last asked; false: the signal has aborted. */
  rung(): Promise<boolean>;
}

export function createAlarm(signal: AbortSignal): Alarm {
  let isRinging = false;
  let failure: { readonly error: unknown } | null = null;
  let wake = () => {};
  const stop = () => wake();
  signal.addEventListener('abort', stop);
  return {
    ring() {
      isRinging = true;
      wake();
    },
    fail(error) {
      failure = { error };
      wake();
    },
    async rung() {
      while (!isRinging && failure === null && !signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (failure !== null) throw failure.error;
      isRinging = false;
      return !signal.aborted;
    },
    [Symbol.dispose]: () => signal.removeEventListener('abort', stop),
  };
}
