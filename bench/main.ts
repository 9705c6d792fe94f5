/**
 * `make bench`: tartan (T) beside flannel's way (B) and plain routing (N), in one run on one machine. All setups stand
 * at the same time and are measured in turn, so that what else the machine does hits them alike; the figures are
 * medians, and only their ratios mean anything elsewhere. With FLANNELD=path a real flanneld (F) joins in.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { runMain } from '../lab/interrupt.ts';
import type { Lab } from '../lab/lab.ts';
import { waitForPing } from '../lab/traffic.ts';
import { measureControl } from './control.ts';
import { formatFigures } from './figures.ts';
import { busySeconds, measurePackets, measureTcp } from './measure.ts';
import { formatRows, formatVerdicts, judge, type Sample, summarize } from './report.ts';
import { buildSetup, type Setup, setups, type Wire } from './setups.ts';
import { measureTimings } from './timings.ts';

const REPORT = `${import.meta.dirname}/../build/bench.json`;
const REPEATS = Number(process.env.REPEATS || 3);
const SECONDS = Number(process.env.SECONDS_PER_RUN || 3);

await runMain(async () => {
  const all = setups(process.env.FLANNELD || null);
  const busyBefore = await busyShare();
  if (busyBefore > 0.1) {
    const percent = (100 * busyBefore).toFixed(0);
    console.log(`this machine is ${percent} % busy with other things: the ratios will be noise`);
  }
  const samples: Sample[] = [];
  for (const wire of ['veth', 'wire'] as const) samples.push(...(await measureWire(wire, all)));
  console.log('\ncommands and control plane');
  const repeats = Math.max(REPEATS, 5);
  const figures = [...(await measureTimings(repeats)), ...(await measureControl(repeats))];

  const rows = summarize(samples);
  const verdicts = judge(rows);
  mkdirSync(`${import.meta.dirname}/../build`, { recursive: true });
  writeFileSync(
    REPORT,
    `${JSON.stringify({ busyBefore, rows, verdicts, figures, samples }, null, 2)}\n`,
  );
  const parts = [formatRows(rows), formatVerdicts(verdicts), formatFigures(figures)];
  console.log(`\n${parts.join('\n\n')}\n\nbuild/bench.json has it all`);
});

async function measureWire(wire: Wire, all: readonly Setup[]): Promise<Sample[]> {
  await using labs = new AsyncDisposableStack();
  const built: { setup: Setup; lab: Lab }[] = [];
  for (const setup of all) {
    const lab = labs.use(await buildSetup(setup, wire));
    const [from, to] = lab.hosts.flatMap((host) => host.pods);
    if (from && to) await waitForPing(from, to.address);
    built.push({ setup, lab });
  }
  const samples: Sample[] = [];
  for (let repeat = 1; repeat <= REPEATS; repeat++) {
    for (const { setup, lab } of built) {
      const tcp = await measureTcp(lab, SECONDS);
      const packetsPerSecond = await measurePackets(lab, SECONDS);
      const { letter, name } = setup;
      samples.push({ wire, letter, name, ...tcp, packetsPerSecond });
      const rates = `${tcp.gigabitsPerSecond.toFixed(1)} Gb/s, ${(packetsPerSecond / 1e6).toFixed(2)} Mpps`;
      console.log(`${wire} ${repeat}/${REPEATS} ${letter} ${name}: ${rates}`);
    }
  }
  return samples;
}

/** How much of all its CPUs the machine uses while this process waits for a second. */
async function busyShare(): Promise<number> {
  const before = busySeconds();
  await delay(1000);
  return (busySeconds() - before) / availableParallelism();
}
