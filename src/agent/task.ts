import { type Backoff, backoffMs } from '../jitter.ts';

/** Something that a loop does when it is due, and again with growing pauses while it fails. */
export interface Task {
  /** When it is to run next, in ms since the epoch; infinity: not until something asks for it. */
  dueAt(): number;
  /** Makes it due now, unless it waits after a failure. */
  request(): void;
  /** Makes it due now, also while it waits after a failure: the reason may be gone. */
  hurry(): void;
  /** Asks anew when it is due, unless it waits after a failure. */
  reschedule(): void;
  /** Runs it if it is due. Never rejects. */
  runIfDue(): Promise<void>;
}

export interface TaskSettings {
  readonly run: () => Promise<void>;
  /** When it is due again after it succeeded, in ms since the epoch; infinity: on request only. */
  readonly nextAt: () => number;
  readonly onFailure: (error: unknown) => void;
  readonly now: () => number;
  /** From 0 to below 1: what the pauses leave to chance. */
  readonly random: () => number;
}

const RETRY: Backoff = { firstMs: 200, limitMs: 30_000 };

export function createTask({ run, nextAt, onFailure, now, random }: TaskSettings): Task {
  let dueAt = nextAt();
  let failures = 0;
  let requested = false;
  return {
    dueAt: () => dueAt,
    request() {
      requested = true;
      if (failures === 0) dueAt = 0;
    },
    hurry() {
      requested = true;
      dueAt = 0;
    },
    reschedule() {
      if (failures === 0) dueAt = nextAt();
    },
    async runIfDue() {
      if (dueAt > now()) return;
      requested = false;
      try {
        await run();
        failures = 0;
        dueAt = requested ? 0 : nextAt();
      } catch (error) {
        dueAt = now() + backoffMs(failures, RETRY, random());
        failures += 1;
        onFailure(error);
      }
    },
  };
}
