/** Who is to reach whom at what time, whatever else goes on. Pure. */
import type { PingGap, PingTally } from '../lab/pinging.ts';

/** Something that cuts hosts off from others. Times are in ms since the epoch. */
export interface Disturbance {
  /** The pair, or all pairs with the one host. */
  readonly hosts: readonly string[];
  readonly from: number;
  /** When it is over; infinity as long as it is not. */
  readonly to: number;
  /** How long it may take afterwards; infinity: the store must tell others, who may be cut off themselves. */
  readonly mendMs: number;
  readonly cause: string;
}

/** A ping that was under way when it began. */
const UNDERWAY_MS = 500;

/** What waits for the store is lost at the latest so long after it was over; from then on it is something else. */
const HEARD_MS = 25_000;

/** What has become of the pings from one host's pod to another's. */
export interface PairTally {
  readonly from: string;
  readonly to: string;
  readonly tally: PingTally;
}

/** Nobody waits for longer than so long for an answer that comes. */
const LATE_MS = 1_500;

/** With the gap that no answer has ended, if pings went on for long without one until they were stopped. */
export function withLastGap(
  tally: PingTally,
  { startedAt, stoppedAt, intervalMs }: Record<'startedAt' | 'stoppedAt' | 'intervalMs', number>,
): PingTally {
  const from = tally.answeredAt ?? startedAt;
  if (stoppedAt - from <= LATE_MS) return tally;
  const lost = Math.floor((stoppedAt - from) / intervalMs);
  const gap = { from, to: stoppedAt, lost };
  return { ...tally, lost: tally.lost + lost, gaps: [...tally.gaps, gap] };
}

/** Gaps that no disturbance explains. */
export function unexplained(
  tallies: readonly PairTally[],
  disturbances: readonly Disturbance[],
): string[] {
  return tallies.flatMap(({ from, to, tally: { gaps } }) => {
    const concerning = disturbances.filter((each) => concerns(each, from, to));
    return gaps
      .filter((gap) => !isExplained(gap, concerning))
      .map((gap) => `${from} → ${to}: ${describeGap(gap)}${nearest(gap, concerning)}`);
  });
}

function concerns({ hosts: [one, other] }: Disturbance, from: string, to: string): boolean {
  const pair = [from, to];
  return pair.includes(one ?? '') && (other === undefined || pair.includes(other));
}

/** One disturbance may follow another while nothing is answered: all of the gap must be covered. */
function isExplained(gap: PingGap, disturbances: readonly Disturbance[]): boolean {
  let coveredTo = gap.from;
  for (let progress = true; progress; ) {
    progress = false;
    for (const { from, to, mendMs } of disturbances) {
      const begins = from - UNDERWAY_MS <= coveredTo;
      const isOver = to + (mendMs === Number.POSITIVE_INFINITY ? HEARD_MS : mendMs);
      if (!begins || isOver < coveredTo) continue;
      const covers = mendMs === Number.POSITIVE_INFINITY ? mendMs : isOver;
      if (covers <= coveredTo) continue;
      coveredTo = covers;
      progress = true;
    }
    if (coveredTo >= gap.to) return true;
  }
  return false;
}

function describeGap({ from, to, lost }: PingGap): string {
  const clock = (ms: number) => new Date(ms).toISOString().slice(11, 23);
  return `${lost} pings lost, ${clock(from)} to ${clock(to)}`;
}

function nearest(gap: PingGap, disturbances: readonly Disturbance[]): string {
  const before = disturbances.filter(({ from }) => from <= gap.to).at(-1);
  if (before === undefined) return '';
  const over = ((gap.from - before.to) / 1000).toFixed(1);
  return ` (last: ${before.cause}, over ${over} s before)`;
}
