/** How soon, and how often, news of the host lead to a look at it. */

/** The least rest between two looks. */
const LEAST_REST_MS = 250;

/** After this rest the next look comes, however long the last one took: the host is to be in step within 2 s. */
const LONGEST_REST_MS = 700;

/** A rest is this many times as long as the look before it: on the whole, news cost a tenth of the time. */
const RESTS = 9;

/** What is told so soon after a look may be of its own steps: the kernel's news settle for 50 ms. */
const ECHO_MS = 150;

export interface Pace extends Disposable {
  /** The host has changed. */
  heard(): void;
  /** Makes the look, whatever has led to it. */
  look(work: () => Promise<void>): Promise<void>;
}

/**
 * Bounds what news can cost. A look that repairs something leads to one more, which finds nothing. One that fails is
 * tried again by its task's clock, and sooner if something has changed since; but not again and again for what its own
 * steps have stirred up.
 * @param act asks for a look, at once
 */
export function createPace(act: () => void): Pace {
  let isLooking = false;
  let heardMeanwhile = false;
  let hasFailed = false;
  let isEchoHeeded = false;
  let endedAt = Number.NEGATIVE_INFINITY;
  let restMs = LEAST_REST_MS;
  let timer: NodeJS.Timeout | null = null;

  const forget = () => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
  };
  const arrange = () => {
    const waitMs = Math.max(0, endedAt + restMs - performance.now());
    timer ??= setTimeout(() => {
      timer = null;
      act();
    }, waitMs);
  };

  /** What may be an echo of steps that did not do is heeded once: it may be something else. */
  const heed = (mayBeEcho: boolean) => {
    if (mayBeEcho && hasFailed && isEchoHeeded) return;
    isEchoHeeded = mayBeEcho && hasFailed;
    arrange();
  };

  return {
    heard() {
      if (isLooking) heardMeanwhile = true;
      else heed(performance.now() - endedAt < ECHO_MS);
    },
    async look(work) {
      forget();
      heardMeanwhile = false;
      isLooking = true;
      const startedAt = performance.now();
      try {
        await work();
        hasFailed = false;
        isEchoHeeded = false;
      } catch (error) {
        hasFailed = true;
        throw error;
      } finally {
        isLooking = false;
        endedAt = performance.now();
        restMs = Math.min(Math.max((endedAt - startedAt) * RESTS, LEAST_REST_MS), LONGEST_REST_MS);
        if (heardMeanwhile) heed(true);
      }
    },
    [Symbol.dispose]: forget,
  };
}
