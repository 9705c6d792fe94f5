/**
 * What the dataplane is to reach. Figures are ratios of medians of one run on one machine; B is flannel's vxlan set up by
 * hand, U its udp, N plain kernel routing, T tartan, P tartan with FastPath, behind U with udp, behind G with host-gw; UU
 * is udp's relay in user space.
 */
import { type Finding, METRICS, type Metric, type Row, ratioOf } from './findings.ts';
import type { SetupLetter } from './ways.ts';

interface Bound {
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** One setup beside another in a cell of the matrix. */
export interface MatrixGoal extends Bound {
  readonly cell: string;
  readonly of: SetupLetter;
  readonly beside: SetupLetter;
  readonly metric: Metric;
}

/** A figure that is measured by itself. */
export interface FindingGoal extends Bound {
  readonly finding: string;
}

const VETH = 'veth/1500/flat';
const WIRE = 'wire/1500/flat';
const JUMBO = 'wire/9000/flat';

/** Two runs of the same thing differ by so much: what is to be unchanged may be this much slower. */
const NOISE = 0.03;

export const GOALS: readonly (MatrixGoal | FindingGoal)[] = [
  { cell: VETH, of: 'T', beside: 'B', metric: 'tcp', atLeast: 1.15 },
  { cell: VETH, of: 'T', beside: 'B', metric: 'packets', atLeast: 1.3 },
  { cell: WIRE, of: 'T', beside: 'B', metric: 'tcp', atLeast: 1.05 },
  { cell: WIRE, of: 'T', beside: 'N', metric: 'tcp', atLeast: 0.8 },
  { cell: WIRE, of: 'T', beside: 'B', metric: 'packets', atLeast: 1.15 },

  { cell: VETH, of: 'P', beside: 'N', metric: 'tcp', atLeast: 1.05 },
  { cell: VETH, of: 'P', beside: 'N', metric: 'latency', atMost: 0.92 },
  { cell: VETH, of: 'P', beside: 'N', metric: 'cpu', atMost: 0.85 },
  { cell: VETH, of: 'P', beside: 'N', metric: 'packets', atLeast: 1.1 },
  { finding: 'nat/P+nat/N', atLeast: 1.05 },
  { finding: 'nat/P+nat/N+nat', atLeast: 1.2 },

  { cell: WIRE, of: 'P', beside: 'N', metric: 'tcp', atLeast: 0.82 },
  { cell: WIRE, of: 'P', beside: 'N', metric: 'tcp4', atLeast: 0.9 },
  { cell: WIRE, of: 'P', beside: 'N', metric: 'packets', atLeast: 1.1 },
  { cell: WIRE, of: 'P', beside: 'N', metric: 'cpu', atMost: 1.15 },
  { cell: JUMBO, of: 'P', beside: 'N', metric: 'tcp', atLeast: 1.0 },

  { cell: VETH, of: 'UP', beside: 'U', metric: 'tcp', atLeast: 35 },
  { cell: VETH, of: 'UP', beside: 'N', metric: 'tcp', atLeast: 1.0 },
  { cell: VETH, of: 'UP', beside: 'U', metric: 'packets', atLeast: 3 },
  { cell: VETH, of: 'UP', beside: 'U', metric: 'latency', atMost: 0.2 },
  { cell: WIRE, of: 'UP', beside: 'U', metric: 'tcp', atLeast: 12 },
  { cell: VETH, of: 'UT', beside: 'U', metric: 'tcp', atLeast: 20 },
  { cell: VETH, of: 'UT', beside: 'U', metric: 'packets', atLeast: 2.2 },
  { cell: WIRE, of: 'UT', beside: 'U', metric: 'tcp', atLeast: 14 },
  { cell: WIRE, of: 'UT', beside: 'N', metric: 'tcp', atLeast: 0.5 },
  { cell: VETH, of: 'UU', beside: 'U', metric: 'tcp', atLeast: 1.0 },
  { cell: WIRE, of: 'UU', beside: 'U', metric: 'tcp', atLeast: 1.0 },

  { cell: VETH, of: 'GP', beside: 'N', metric: 'tcp', atLeast: 1.08 },
  { cell: VETH, of: 'GP', beside: 'N', metric: 'packets', atLeast: 1.2 },
  { cell: WIRE, of: 'GP', beside: 'N', metric: 'tcp', atLeast: 0.98 },
  { cell: WIRE, of: 'GP', beside: 'N', metric: 'packets', atLeast: 1.2 },

  { finding: 'peers/T/install', atMost: 100 },
  { finding: 'peers/P/install', atMost: 100 },
  { finding: 'peers/T/ratio', atLeast: 0.93 },
  { finding: 'peers/P/ratio', atLeast: 0.93 },
  { finding: 'rules/P/ratio', atLeast: 1 - NOISE },
];

export interface Verdict {
  readonly goal: string;
  /** Null: what it takes was not measured. */
  readonly figure: number | null;
  readonly unit: string;
  /** `≥ 1.15` */
  readonly target: string;
  /** `void`: flannel's way itself is below 0.6 of plain routing in TCP: this machine was not fit to compare. */
  readonly result: 'met' | 'missed' | 'not measured' | 'void';
}

const LEAST_B_OF_N = 0.6;

export function judge(rows: readonly Row[], findings: readonly Finding[]): Verdict[] {
  return GOALS.map((goal) => {
    const target =
      goal.atLeast === undefined ? `≤ ${plain(goal.atMost ?? 0)}` : `≥ ${plain(goal.atLeast)}`;
    if ('finding' in goal) {
      const found = findings.find(({ id }) => id === goal.finding);
      const figure = found?.value.median ?? null;
      const what = found?.what ?? goal.finding;
      const unit = found?.unit ?? '';
      return { goal: what, figure, unit, target, result: resultOf(goal, figure) };
    }
    const figure = ratioOf(rows, goal);
    const { cell, of, beside, metric } = goal;
    const what = `${cell}: ${METRICS[metric].name}, ${of} / ${beside}`;
    const result = isFit(rows, cell) ? resultOf(goal, figure) : 'void';
    return { goal: what, figure, unit: '', target, result };
  });
}

function resultOf({ atLeast, atMost }: Bound, figure: number | null): Verdict['result'] {
  if (figure === null) return 'not measured';
  const isMet = figure >= (atLeast ?? -Infinity) && figure <= (atMost ?? Infinity);
  return isMet ? 'met' : 'missed';
}

function isFit(rows: readonly Row[], cell: string): boolean {
  const ratio = ratioOf(rows, { cell, metric: 'tcp', of: 'B', beside: 'N' });
  return ratio === null || ratio >= LEAST_B_OF_N;
}

/** `1.15`, `100`, and `1.00` for a ratio of one. */
function plain(bound: number): string {
  return bound < 10 ? bound.toFixed(2) : `${bound}`;
}
