/** `make chaos SEED=7 SECONDS=60`: faults at random over eight hosts; `SEED=1-20` for several in a row. */
import { runMain } from '../lab/interrupt.ts';
import { runChaos } from './run.ts';

const MOST_SECONDS = 600;

await runMain(async () => {
  const [seedText = '1', secondsText = '60'] = process.argv.slice(2);
  const seeds = readSeeds(seedText);
  const seconds = Number(secondsText);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > MOST_SECONDS)
    throw new Error(`SECONDS=${secondsText}: must be 1 to ${MOST_SECONDS}`);
  for (const seed of seeds) {
    const flaws = await runChaos({ seed, seconds, lab: 'chaos', say: (line) => console.log(line) });
    for (const flaw of flaws) console.log(`✗ ${flaw}`);
    if (flaws.length > 0)
      throw new Error(
        `seed ${seed}: ${flaws.length} flaws; again: make chaos SEED=${seed} SECONDS=${seconds}`,
      );
    console.log(`✓ seed ${seed}: every invariant holds, and every host reaches every other\n`);
  }
});

/** `7`, or `1-20`. */
function readSeeds(text: string): number[] {
  const [, first, last = first] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(text) ?? [];
  if (first === undefined || last === undefined || Number(last) < Number(first))
    throw new Error(`SEED=${text}: must be a whole number, or two as in 1-20`);
  return Array.from({ length: Number(last) - Number(first) + 1 }, (_, at) => Number(first) + at);
}
