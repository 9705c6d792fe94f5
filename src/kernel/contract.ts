import type { Op } from '../plan/op.ts';
import type { ObservedState } from '../plan/state.ts';

/** The only door to the kernel. */
export interface Kernel {
  /** What of ours stands in the kernel now, and what stands in our way. Reads only. */
  observe(): Promise<ObservedState>;
  /** Carries out one op; rejects with `KERNEL` (or a more exact code) naming op and object. */
  apply(op: Op): Promise<void>;
  close(): Promise<void>;
}
