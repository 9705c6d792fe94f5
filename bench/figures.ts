import { formatTable } from '../lab/table.ts';

/** A figure that is to be small. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: 'ms' | 'MB' | '% of a core' | 'nodes';
  /** What it must not exceed; `null`: it is only told. */
  readonly limit: number | null;
}

export function formatFigures(figures: readonly Figure[]): string {
  const cells = figures.map(({ what, value, unit, limit }) => [
    ...[what, `${value.toFixed(value < 10 ? 1 : 0)} ${unit}`],
    ...(limit === null ? [] : [`≤ ${limit} ${unit}`, value <= limit ? 'met' : 'missed']),
  ]);
  return formatTable([['figure', 'median', 'target', 'result'], ...cells]);
}

export function figure(
  what: string,
  value: number,
  unit: Figure['unit'],
  limit: number | null,
): Figure {
  return { what, value, unit, limit };
}
