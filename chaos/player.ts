import { writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Host } from '../lab/host.ts';
import type { Running, RunResult } from '../lab/process.ts';
import { waitFor } from '../lab/ready.ts';
import type { WatchEvent } from '../src/agent/events.ts';

/** A host, its clock, and the `watch` on it. */
export interface Player {
  readonly name: string;
  readonly host: Host;
  /** Runs a command of tartan to its end. Whatever it exits with is an answer. */
  tartan(args: readonly string[]): Promise<RunResult>;
  /** Starts a command that may be killed; what it says is looked at when it has ended. */
  start(args: readonly string[]): Running;
  /** Starts `watch`, and waits until it is in step; tries again while the store is away. */
  startWatch(): Promise<void>;
  stopWatch(): Promise<void>;
  /** kill -9. */
  killWatch(): Promise<void>;
  /** Joins; tries again while the store is away. */
  join(): Promise<void>;
  setClock(offsetSeconds: number): void;
  events(): WatchEvent[];
  /** What no process of it should ever have done. */
  flaws(): string[];
}

/** Exit status: try again later. */
const LATER = 75;
const RETRY_MS = 300;
const PRELOAD = `--import=${import.meta.dirname}/clock.ts`;

/** Nobody takes longer to get hold of the store, as often as that is away. */
const LIMIT = { limitSeconds: 60 } as const;

/** So many lines of `error` a minute would be a hot loop. */
const MOST_ERRORS = 60;

export function createPlayer(host: Host): Player {
  const { name } = host;
  const clockFile = `${dirname(host.subnetFile)}.clock`;
  const options = { env: { NODE_OPTIONS: PRELOAD, TARTAN_CHAOS_CLOCK: clockFile } };
  const runs: Running[] = [];
  const flaws: string[] = [];
  let watch: Running | null = null;

  const tartan: Player['tartan'] = async (args) => {
    const result = await host.tartan(args, { ...options, ...LIMIT, mayFail: true });
    note(`tartan ${args.join(' ')}`, result);
    return result;
  };

  /** Bugs speak a language of their own. */
  function note(what: string, { stdout, stderr }: RunResult): void {
    const bug = /.*(INTERNAL|Report this as a bug|TypeError|RangeError|UnhandledPromise).*/.exec(
      `${stdout}\n${stderr}`,
    );
    if (bug !== null) flaws.push(`${name}: ${what} said: ${bug[0]}`);
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const running = watch;
    watch = null;
    if (running === null) return;
    const result = await running.stop(signal);
    if (signal !== 'SIGKILL' && result.code !== 0)
      flaws.push(`${name}: watch ended with ${result.code} on ${signal}: ${result.stderr}`);
  }

  async function startWatch(): Promise<void> {
    await waitFor(
      `watch on ${name}`,
      async () => {
        const running = host.startTartan(['watch', '--reconcile-interval', '5'], options);
        runs.push(running);
        const isInStep = () => /"type":"synced"/.test(running.stdout());
        let ended: RunResult | null = null;
        void running.ended.then((result) => {
          ended = result;
        });
        while (ended === null && !isInStep()) await delay(20);
        if (isInStep()) {
          watch = running;
          watchOver(running);
          return true;
        }
        const { code, stdout, stderr } = await running.ended;
        if (code !== LATER) throw new Error(`watch ended with ${code}: ${stdout}${stderr}`);
        await delay(RETRY_MS);
        return false;
      },
      LIMIT,
    );
  }

  function watchOver(running: Running): void {
    void running.ended.then((result) => {
      note('watch', result);
      if (watch !== running) return;
      watch = null;
      flaws.push(`${name}: watch ended by itself with ${result.code}: ${result.stderr}`);
    });
  }

  return {
    name,
    host,
    tartan,
    start(args) {
      const running = host.startTartan(args, options);
      void running.ended.then((result) => note(`tartan ${args.join(' ')}`, result));
      return running;
    },
    startWatch,
    stopWatch: () => end('SIGTERM'),
    killWatch: () => end('SIGKILL'),
    join: () =>
      waitFor(
        `${name} joins`,
        async () => {
          const { code, stderr } = await tartan(['join']);
          if (code === 0) return true;
          if (code !== LATER) throw new Error(`join ended with ${code}: ${stderr}`);
          await delay(RETRY_MS);
          return false;
        },
        LIMIT,
      ).then(() => undefined),
    setClock: (offsetSeconds) => writeFileSync(clockFile, String(offsetSeconds)),
    events: () => runs.flatMap((running) => parseEvents(running.stdout())),
    flaws() {
      const errors = runs
        .flatMap((running) => parseEvents(running.stdout()))
        .filter(({ type }) => type === 'error');
      const many = errors.length > MOST_ERRORS ? [`${name}: ${errors.length} errors told`] : [];
      return [...flaws, ...many];
    },
  };
}

function parseEvents(stdout: string): WatchEvent[] {
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}
