/**
 * Random packets through every program, beside the oracle: whatever is delivered is good, and whatever is good is
 * delivered, or left to the kernel for a stated reason. The seed is printed; SEED=… runs the same packets again.
 * `make fuzz` runs a million for each program.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fuzz } from './fuzz.ts';
import { TARGETS } from './fuzz_targets.ts';
import { missing } from './programs.ts';

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const asked = process.env.FUZZ_PACKETS;
const packets = Number(asked ?? 100_000);
/** Where nobody asks for a number, as many as there is time for: the kernel may be an emulated one. */
const seconds = asked === undefined ? 1 : Number.POSITIVE_INFINITY;

describe('random packets', { skip: missing('clang') }, () => {
  for (const target of TARGETS) {
    it(`follow the rules of ${target.name}`, (t) => {
      t.diagnostic(`seed ${seed}`);
      const report = fuzz(target, { seed, packets, seconds });
      const rate = Math.round(report.packets / report.seconds);
      t.diagnostic(`${report.packets} packets, ${rate} a second`);
      t.diagnostic([...report.totals].map(([name, count]) => `${name} ${count}`).join(', '));
      assert(report.packets >= Math.min(packets, 1000), 'packets were run');
    });
  }
});
