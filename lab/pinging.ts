import type { Namespace } from './namespace.ts';

/** Pings that go on until they are stopped. */
export interface Pinging extends AsyncDisposable {
  tally(): PingTally;
  stop(): Promise<PingTally>;
}

/** Of the pings up to the last one that was answered. */
export interface PingTally {
  readonly answered: number;
  readonly lost: number;
  readonly gaps: readonly PingGap[];
  /** When the last answer came, in ms since the epoch; null: none has. */
  readonly answeredAt: number | null;
}

/** Pings in a row without an answer. Times are in ms since the epoch. */
export interface PingGap {
  /** About when the first one was sent. */
  readonly from: number;
  /** When an answer came again. */
  readonly to: number;
  readonly lost: number;
}

const DEFAULT_INTERVAL_MS = 50;

/** Pings an address all the time. */
export function startPinging(
  from: Namespace,
  address: string,
  intervalMs: number = DEFAULT_INTERVAL_MS,
): Pinging {
  const running = from.start(['ping', '-n', '-D', '-i', `${intervalMs / 1000}`, address]);
  const tally = () => tallyOf(running.stdout(), intervalMs);
  const stop = async () => {
    await running.stop('SIGINT');
    return tally();
  };
  return {
    tally,
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}

const ANSWER = /^\[(\d+\.\d+)\] \d+ bytes from \S+ icmp_seq=(\d+) /gm;

/** From what `ping -D` prints; an answer that came twice or late counts as one. */
export function tallyOf(printed: string, intervalMs: number): PingTally {
  const answers = new Map<number, number>();
  for (const [, seconds, number] of printed.matchAll(ANSWER)) {
    if (!answers.has(Number(number))) answers.set(Number(number), Number(seconds) * 1000);
  }
  const gaps: PingGap[] = [];
  let [before, at] = [0, Number.NEGATIVE_INFINITY];
  for (const [number, answeredAt] of [...answers].sort(([a], [b]) => a - b)) {
    const lost = number - before - 1;
    // Long after the answer before, if the sender was kept from sending.
    const from = Math.max(answeredAt - (lost + 1) * intervalMs, at);
    if (lost > 0) gaps.push({ from, to: answeredAt, lost });
    [before, at] = [number, answeredAt];
  }
  const lost = gaps.reduce((sum, gap) => sum + gap.lost, 0);
  return { answered: answers.size, lost, gaps, answeredAt: answers.size > 0 ? at : null };
}
