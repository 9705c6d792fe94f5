import { formatTable } from '../lab/table.ts';
import type { Wire } from './setups.ts';

/** All that one repeat of one setup gave. */
export interface Sample {
  readonly wire: Wire;
  readonly letter: string;
  readonly name: string;
  readonly gigabitsPerSecond: number;
  readonly cpuSecondsPerGigabyte: number;
  readonly packetsPerSecond: number;
}

/** Medians over the repeats, and what they are beside flannel's way (B) and plain routing (N). */
export interface Row extends Sample {
  readonly tcpOfB: number;
  readonly tcpOfN: number;
  readonly packetsOfB: number;
  readonly packetsOfN: number;
}

export interface Verdict {
  readonly wire: Wire;
  readonly what: 'TCP' | '64-byte packets';
  /** T / B. */
  readonly ratio: number;
  readonly target: number;
  /** `void`: B itself is below 0.6 of N in TCP, so this machine was not fit to compare. */
  readonly result: 'met' | 'missed' | 'void';
}

const TARGETS = {
  veth: { TCP: 1.1, '64-byte packets': 1.2 },
  wire: { TCP: 1.0, '64-byte packets': 1.1 },
} as const;

const LEAST_B_OF_N = 0.6;

export function summarize(samples: readonly Sample[]): Row[] {
  const rows: Row[] = [];
  for (const wire of ['veth', 'wire'] as const) {
    const ofWire = samples.filter((sample) => sample.wire === wire);
    const letters = [...new Set(ofWire.map((sample) => sample.letter))];
    const medians = letters.map((letter) => medianOf(ofWire.filter((s) => s.letter === letter)));
    const [n, b] = ['N', 'B'].map((letter) => medians.find((m) => m.letter === letter));
    for (const row of medians) {
      rows.push({
        ...row,
        tcpOfB: row.gigabitsPerSecond / (b?.gigabitsPerSecond ?? Number.NaN),
        tcpOfN: row.gigabitsPerSecond / (n?.gigabitsPerSecond ?? Number.NaN),
        packetsOfB: row.packetsPerSecond / (b?.packetsPerSecond ?? Number.NaN),
        packetsOfN: row.packetsPerSecond / (n?.packetsPerSecond ?? Number.NaN),
      });
    }
  }
  return rows;
}

export function judge(rows: readonly Row[]): Verdict[] {
  return (['veth', 'wire'] as const).flatMap((wire) => {
    const find = (letter: string) => rows.find((row) => row.wire === wire && row.letter === letter);
    const [b, t] = [find('B'), find('T')];
    if (!b || !t) return [];
    const fit = b.tcpOfN >= LEAST_B_OF_N;
    const verdict = (what: Verdict['what'], ratio: number): Verdict => {
      const target = TARGETS[wire][what];
      const result = fit ? (ratio >= target ? 'met' : 'missed') : 'void';
      return { wire, what, ratio, target, result };
    };
    return [verdict('TCP', t.tcpOfB), verdict('64-byte packets', t.packetsOfB)];
  });
}

export function formatRows(rows: readonly Row[]): string {
  const head = ['wire', '', 'setup', 'TCP Gb/s', '/B', '/N', 'CPU s/GB', '64 B Mpps', '/B', '/N'];
  const ratio = (value: number) => value.toFixed(2);
  const cells = rows.map((row) => [
    row.wire,
    row.letter,
    row.name,
    row.gigabitsPerSecond.toFixed(2),
    ratio(row.tcpOfB),
    ratio(row.tcpOfN),
    row.cpuSecondsPerGigabyte.toFixed(3),
    (row.packetsPerSecond / 1e6).toFixed(3),
    ratio(row.packetsOfB),
    ratio(row.packetsOfN),
  ]);
  return formatTable([head, ...cells]);
}

export function formatVerdicts(verdicts: readonly Verdict[]): string {
  const cells = verdicts.map(({ wire, what, ratio, target, result }) => [
    ...[wire, what, ratio.toFixed(2), `≥ ${target.toFixed(1)}`, result],
  ]);
  return formatTable([['wire', 'T / B', 'ratio', 'target', 'result'], ...cells]);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

function medianOf(samples: readonly Sample[]): Sample {
  const [first] = samples;
  if (!first) throw new RangeError('no samples');
  return {
    ...first,
    gigabitsPerSecond: median(samples.map((sample) => sample.gigabitsPerSecond)),
    cpuSecondsPerGigabyte: median(samples.map((sample) => sample.cpuSecondsPerGigabyte)),
    packetsPerSecond: median(samples.map((sample) => sample.packetsPerSecond)),
  };
}
