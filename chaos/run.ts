import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../src/errors.ts';
import { describePlanned, hostsOf, type Planned } from './acts.ts';
import { unexplained } from './disturbances.ts';
import { flawsAfterwards, flawsAtRest, flawsNow, flawsOfOwners } from './invariants.ts';
import { subnetOf } from './leases.ts';
import { perform } from './perform.ts';
import { planSchedule, REST_MS } from './schedule.ts';
import { type Stage, setStage } from './stage.ts';

export interface ChaosSettings {
  readonly seed: number;
  readonly seconds: number;
  /** Name of the lab. */
  readonly lab: string;
  say(line: string): void;
}

const LOOK_MS = 250;
const STORE_LOOK_MS = 2_000;

/**
 * Builds eight hosts, does to them what the seed has planned, and lets them come to rest.
 * @returns what does not hold; nothing is as it should be
 */
export async function runChaos(settings: ChaosSettings): Promise<string[]> {
  const { seed, seconds, say } = settings;
  await using stage = await setStage(settings.lab);
  const hosts = stage.players.map(({ name }) => name);
  const before = new Map(stage.players.map(({ name, host }) => [name, subnetOf(host)]));
  const plan = planSchedule({ seed, seconds, hosts });
  say(`seed ${seed}: ${plan.length} acts on ${hosts.length} hosts in ${seconds} s`);

  const flaws = new Set<string>();
  const ending = new AbortController();
  const looking = Promise.all([
    repeat(LOOK_MS, ending.signal, async () => {
      for (const moved of await stage.traffic.follow())
        say(`          ${moved} has another subnet`);
    }),
    repeat(STORE_LOOK_MS, ending.signal, async () => {
      for (const flaw of await flawsNow(stage, before)) flaws.add(flaw);
    }),
  ]);
  for (const flaw of await performAll(stage, plan, say)) flaws.add(flaw);
  ending.abort();
  await looking.catch((error: unknown) => flaws.add(`while looking: ${messageOf(error)}`));

  say('          all done; waiting for rest');
  for (const flaw of await flawsAtRest(stage)) flaws.add(flaw);
  for (const flaw of flawsOfOwners(stage, before)) flaws.add(flaw);
  const tallies = await stage.traffic.stop();
  for (const flaw of unexplained(tallies, stage.disturbances)) flaws.add(flaw);
  for (const flaw of await flawsAfterwards(stage)) flaws.add(flaw);
  const answered = tallies.reduce((sum, { tally }) => sum + tally.answered, 0);
  const lost = tallies.reduce((sum, { tally }) => sum + tally.lost, 0);
  say(`          ${answered} pings answered, ${lost} lost where they may be`);
  if (flaws.size > 0) sayWhatWatchesTold(stage, say);
  return [...flaws];
}

/** Each act at its time, or when its hosts have had their rest after the one before. @returns what could not be done */
async function performAll(
  stage: Stage,
  plan: readonly Planned[],
  say: (line: string) => void,
): Promise<string[]> {
  const flaws: string[] = [];
  const lanes = new Map<string, Promise<void>>();
  const doneAt = new Map<string, number>();
  const startedAt = performance.now();
  for (const planned of plan) {
    const { atMs, act } = planned;
    await delay(Math.max(0, startedAt + atMs - performance.now()));
    const names = act.kind === 'kill-etcd' ? ['etcd'] : hostsOf(act);
    const before = Promise.all(names.map((name) => lanes.get(name)));
    const lane = before.then(async () => {
      const restedAt = Math.max(...names.map((name) => doneAt.get(name) ?? -REST_MS)) + REST_MS;
      if (hostsOf(act).length > 0) await delay(Math.max(0, restedAt - performance.now()));
      const lateMs = performance.now() - startedAt - atMs;
      say(`${describePlanned(planned)}${lateMs > 500 ? `  (${lateMs.toFixed(0)} ms late)` : ''}`);
      await perform(stage, act).catch((error: unknown) => {
        flaws.push(`${describePlanned(planned).trim()}: ${messageOf(error)}`);
      });
      for (const name of names) doneAt.set(name, performance.now());
    });
    for (const name of names) lanes.set(name, lane);
    if (names.length === 0) lanes.set(`${atMs}`, lane);
  }
  await Promise.all(lanes.values());
  return flaws;
}

async function repeat(
  everyMs: number,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    await work();
    await delay(everyMs, undefined, { signal }).catch(() => undefined);
  }
}

function sayWhatWatchesTold({ players }: Stage, say: (line: string) => void): void {
  for (const player of players) {
    for (const event of player.events()) say(`${player.name} ${JSON.stringify(event)}`);
  }
}
