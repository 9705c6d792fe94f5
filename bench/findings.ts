import { type Spread, spreadOf } from '../src/bench/statistics.ts';
import type { SetupLetter } from './ways.ts';

/** What is measured of every setup in every cell. */
export const METRICS = {
  tcp: { name: 'TCP, one stream', unit: 'Gb/s', digits: 2 },
  tcp4: { name: 'TCP, four streams', unit: 'Gb/s', digits: 2 },
  cpu: { name: 'CPU a gigabyte, one stream', unit: 's/GB', digits: 3 },
  packets: { name: '64-byte packets', unit: 'Mpps', digits: 3 },
  latency: { name: 'one-core ping-pong, median', unit: 'µs', digits: 2 },
  latency99: { name: 'one-core ping-pong, 99 of 100 below', unit: 'µs', digits: 2 },
} as const;
export type Metric = keyof typeof METRICS;
export const METRIC_NAMES = Object.keys(METRICS) as Metric[];

/** All that one repeat of one setup gave. */
export interface Sample {
  readonly cell: string;
  readonly letter: SetupLetter;
  readonly name: string;
  readonly values: Readonly<Record<Metric, number>>;
}

/** All repeats of one setup in one cell. */
export interface Row {
  readonly cell: string;
  readonly letter: SetupLetter;
  readonly name: string;
  readonly values: Readonly<Record<Metric, Spread>>;
}

/** One figure of a measurement that is no part of the matrix. */
export interface Finding {
  /** `peers/T/ratio` */
  readonly id: string;
  readonly what: string;
  readonly unit: string;
  readonly value: Spread;
}

export function summarize(samples: readonly Sample[]): Row[] {
  const groups = Map.groupBy(samples, ({ cell, letter }) => `${cell} ${letter}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (!first) return [];
    const { cell, letter, name } = first;
    const spread = (metric: Metric) => spreadOf(group.map(({ values }) => values[metric]));
    const values = Object.fromEntries(METRIC_NAMES.map((metric) => [metric, spread(metric)]));
    return [{ cell, letter, name, values: values as Row['values'] }];
  });
}

/** One setup's median beside another's in the same cell; null where one of them was not measured. */
export function ratioOf(
  rows: readonly Row[],
  { cell, metric, of, beside }: { cell: string; metric: Metric; of: string; beside: string },
): number | null {
  const find = (letter: string) => rows.find((row) => row.cell === cell && row.letter === letter);
  const [mine, other] = [find(of), find(beside)];
  if (!mine || !other) return null;
  return mine.values[metric].median / other.values[metric].median;
}

/** The ratio of what was measured in turn, repeat by repeat. */
export function ratioSpread(values: readonly number[], beside: readonly number[]): Spread {
  return spreadOf(values.map((value, i) => value / (beside[i] ?? Number.NaN)));
}
