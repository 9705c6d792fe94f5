import type { Namespace } from './namespace.ts';

/** Pings that go on until they are stopped. */
export interface Pinging extends AsyncDisposable {
  tally(): PingTally;
  stop(): Promise<PingTally>;
}

/** Times are in ms since the epoch. */
export interface PingTally {
  /** When each answer came, by the ping's number. */
  readonly answers: ReadonlyMap<number, number>;
  /** About when each ping was sent that has got no answer, of those before the last one that has. */
  readonly lost: readonly number[];
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
  const lost: number[] = [];
  let [before, at] = [0, Number.NEGATIVE_INFINITY];
  for (const [number, answeredAt] of [...answers].sort(([a], [b]) => a - b)) {
    for (let missing = before + 1; missing < number; missing += 1) {
      const fromHere = answeredAt - (number - missing) * intervalMs;
      lost.push(Math.max(fromHere, at));
    }
    [before, at] = [number, answeredAt];
  }
  return { answers, lost };
}
