import type { Task } from './task.ts';
import { createWakeup } from './wakeup.ts';

/** Tasks that take turns: of these, one runs at a time, each when it is due. */
export interface Turns {
  /** Looks again what is due. */
  wake(): void;
  /** Runs them until there is no reason to go on; that is asked before each wait, and after each wake-up. */
  run(goesOn: () => boolean): Promise<void>;
}

export function createTurns(tasks: readonly Task[], now: () => number): Turns {
  const wakeup = createWakeup();
  return {
    wake: wakeup.notify,
    async run(goesOn) {
      while (goesOn()) {
        for (const { runIfDue } of tasks) await runIfDue();
        const dueAt = Math.min(...tasks.map((each) => each.dueAt()));
        if (goesOn()) await wakeup.wait(dueAt - now());
      }
    },
  };
}
