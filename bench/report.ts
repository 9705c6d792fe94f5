/** What was measured, as tables for a terminal. */
import { formatTable } from '../lab/table.ts';
import type { Spread } from '../src/bench/statistics.ts';
import type { Figure } from './figures.ts';
import { type Finding, METRICS, type Metric, type Row, ratioOf, type Sample } from './findings.ts';
import type { Verdict } from './goals.ts';
import type { Machine } from './machine.ts';

/** All of a run: what build/bench.json has. */
export interface Report {
  readonly machine: Machine;
  readonly run: {
    readonly command: string;
    readonly repeats: number;
    readonly seconds: number;
    /** What part of the CPUs other things took before it began. */
    readonly busyBefore: number;
  };
  readonly rows: readonly Row[];
  readonly findings: readonly Finding[];
  readonly figures: readonly Figure[];
  readonly verdicts: readonly Verdict[];
  readonly samples: readonly Sample[];
  /** What was left out, and why. */
  readonly remarks: readonly string[];
}

/** `1.23 (1.20–1.31)` */
export function formatSpread({ median, min, max }: Spread, digits: number): string {
  const [a, b, c] = [median, min, max].map((value) => value.toFixed(digits));
  return `${a} (${b}–${c})`;
}

/** A setup's median beside another's; empty where one of them was not measured. */
export function besideOf(rows: readonly Row[], row: Row, metric: Metric, beside: string): string {
  const ratio = ratioOf(rows, { cell: row.cell, metric, of: row.letter, beside });
  return ratio === null ? '' : ratio.toFixed(2);
}

/** What flannel would carry it with: its own udp for udp, else its vxlan. */
export function flannelsOf({ letter }: Row): string {
  return letter.startsWith('U') ? 'U' : 'B';
}

export function formatRows(rows: readonly Row[]): string {
  if (rows.length === 0) return '';
  const shown: readonly Metric[] = ['tcp', 'tcp4', 'cpu', 'packets', 'latency'];
  const head = shown.flatMap((metric) => [`${metric} ${METRICS[metric].unit}`, '/B/U', '/N']);
  const cells = rows.map((row) => [
    row.cell,
    `${row.letter} ${row.name}`,
    ...shown.flatMap((metric) => [
      row.values[metric].median.toFixed(METRICS[metric].digits),
      besideOf(rows, row, metric, flannelsOf(row)),
      besideOf(rows, row, metric, 'N'),
    ]),
  ]);
  return formatTable([['cell', 'setup', ...head], ...cells]);
}

export function formatFindings(findings: readonly Finding[]): string {
  if (findings.length === 0) return '';
  const cells = findings.map(({ what, unit, value }) => [what, formatSpread(value, 3), unit]);
  return formatTable([['measured by itself', 'median (min–max)', ''], ...cells]);
}

export function formatVerdicts(verdicts: readonly Verdict[]): string {
  const cells = verdicts.map((verdict) => [
    verdict.goal,
    figureOf(verdict),
    verdict.target,
    verdict.result,
  ]);
  return formatTable([['goal', 'figure', 'target', 'result'], ...cells]);
}

export function figureOf({ figure, unit }: Verdict): string {
  if (figure === null) return '–';
  return `${figure.toFixed(figure < 10 ? 2 : 0)}${unit === '' ? '' : ` ${unit}`}`;
}
