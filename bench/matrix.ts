/** Every setup in every cell: all setups of a cell stand at the same time and are measured in turn. */
import type { Cell } from './cells.ts';
import { nameOf } from './cells.ts';
import { METRICS, type Sample } from './findings.ts';
import { measureLatency, measurePackets, measureTcp } from './measure.ts';
import { type Built, buildSetups } from './setups.ts';
import type { Setup } from './ways.ts';

/** How the parts of a bench are run. */
export interface Plan {
  readonly setups: readonly Setup[];
  readonly repeats: number;
  /** Of one run. */
  readonly seconds: number;
  say(text: string): void;
  /** Hears of what is not measured, and why. */
  leaveOut(remark: string): void;
}

export async function measureCell(cell: Cell, plan: Plan): Promise<Sample[]> {
  const { setups, repeats, seconds, say, leaveOut } = plan;
  await using labs = await buildSetups(setups, cell, { leaveOut });
  const samples: Sample[] = [];
  for (let repeat = 1; repeat <= repeats; repeat++) {
    for (const built of labs.built) {
      const sample = await takeSample(nameOf(cell), built, seconds);
      samples.push(sample);
      say(`${sample.cell} ${repeat}/${repeats} ${sample.letter} ${sample.name}: ${told(sample)}`);
    }
  }
  return samples;
}

async function takeSample(cell: string, { setup, lab }: Built, seconds: number): Promise<Sample> {
  const tcp = await measureTcp(lab, { seconds, streams: 1 });
  const tcp4 = await measureTcp(lab, { seconds, streams: 4 });
  const packets = await measurePackets(lab, seconds);
  const latency = await measureLatency(lab, seconds);
  return {
    cell,
    letter: setup.letter,
    name: setup.name,
    values: {
      tcp: tcp.gigabitsPerSecond,
      tcp4: tcp4.gigabitsPerSecond,
      cpu: tcp.cpuSecondsPerGigabyte,
      packets: packets / 1e6,
      latency: latency.medianMicroseconds,
      latency99: latency.p99Microseconds,
    },
  };
}

function told({ values }: Sample): string {
  const shown = (['tcp', 'tcp4', 'packets', 'latency'] as const).map((metric) => {
    const { digits, unit } = METRICS[metric];
    return `${values[metric].toFixed(digits)} ${unit}`;
  });
  return shown.join(', ');
}
