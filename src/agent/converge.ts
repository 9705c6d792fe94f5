import { setImmediate } from 'node:timers/promises';
import type { Kernel } from '../kernel/contract.ts';
import { diff } from '../plan/diff.ts';
import type { Op } from '../plan/op.ts';
import type { DesiredState, ObservedState } from '../plan/state.ts';
import { advance } from './advance.ts';
import { stopIfInterrupted } from './interrupt.ts';

/** The only way by which anything reaches the kernel. */
export interface Converger {
  /** What stands in the kernel: read if nothing is known, or no longer known for sure. */
  observe(): Promise<ObservedState>;
  /** The steps that are missing. */
  plan(desired: DesiredState): Promise<readonly Op[]>;
  /**
   * Takes the missing steps one by one; none after one that failed or after an interruption. Only of routes the others go
   * on: what the kernel has against one peer's shall not keep the rest from being reached.
   * @returns the steps taken
   * @throws TartanError of the step that failed, `INTERRUPTED`, or what `diff` refuses
   */
  converge(desired: DesiredState): Promise<readonly Op[]>;
  /** Makes the next call read the kernel again. */
  forget(): void;
  /** How the kernel was found last, also where that is no longer known for sure. */
  last(): LastLook;
}

export interface LastLook {
  /** With the steps that were taken since, as far as they can be followed; null: it was never read. */
  readonly seen: ObservedState | null;
  /** Steps that were found missing, and are not taken yet. */
  readonly differences: number;
}

export function createConverger(kernel: Kernel, signal: AbortSignal): Converger {
  let known: ObservedState | null = null;
  let seen: ObservedState | null = null;
  let differences = 0;

  const observe = async () => {
    known ??= await kernel.observe();
    seen = known;
    return known;
  };
  const plan = async (desired: DesiredState) => {
    const ops = diff(desired, await observe());
    differences = ops.length;
    return ops;
  };
  const forget = () => {
    known = null;
  };
  const converge = async (desired: DesiredState) => {
    const ops = await plan(desired);
    let refused: unknown = null;
    for (const op of ops) {
      // Few steps wait for anything: a signal would not be heard between them.
      await setImmediate();
      stopIfInterrupted(signal);
      try {
        await kernel.apply(op);
        differences -= 1;
      } catch (error) {
        forget();
        if (!isOfRoutes(op)) throw error;
        refused ??= error;
      }
      known = known && advance(known, op);
      seen = known ?? seen;
    }
    if (refused !== null) throw refused;
    return ops;
  };
  return { observe, plan, converge, forget, last: () => ({ seen, differences }) };
}

function isOfRoutes({ op }: Op): boolean {
  return op === 'routes.add' || op === 'routes.replace';
}
