/** Random packets through a program by the million, each beside what the oracle says of it. */

import { type Fuzzer, makeFuzzer } from './fuzz_step.ts';
import type { Target } from './fuzz_targets.ts';
import { seededRandom } from './random.ts';

/** Between two looks at all counters. */
const INTERVAL = 1000;

export interface FuzzOptions {
  readonly seed: number;
  readonly packets: number;
  /** Stops after this time, even if it is too early. */
  readonly seconds: number;
}

export interface FuzzReport {
  readonly packets: number;
  readonly seconds: number;
  /** Packets by counter, and those sent and received. */
  readonly totals: ReadonlyMap<string, number>;
}

/** @throws Error that says which packet, how it was run, and what is wrong with it */
export function fuzz(target: Target, { seed, packets, seconds }: FuzzOptions): FuzzReport {
  using fuzzer = makeFuzzer(target);
  const random = seededRandom(seed);
  const start = performance.now();
  const elapsed = () => (performance.now() - start) / 1000;
  let done = 0;
  while (done < packets && elapsed() < seconds) {
    const state = random.state();
    const end = Math.min(done + INTERVAL, packets);
    for (; done < end; done += 1) fuzzer.step(random);
    try {
      fuzzer.verify();
    } catch (error) {
      findCulprit(target, state);
      throw error;
    }
  }
  fuzzer.verifySettled();
  return { packets: done, seconds: elapsed(), totals: fuzzer.totals() };
}

/** Runs the packets of an interval again, with a look after each. */
function findCulprit(target: Target, state: number): void {
  using fuzzer: Fuzzer = makeFuzzer(target);
  const random = seededRandom(state);
  for (let done = 0; done < INTERVAL; done += 1) {
    fuzzer.step(random);
    try {
      fuzzer.verify();
    } catch (cause) {
      throw new Error(fuzzer.describe((cause as Error).message), { cause });
    }
  }
}
