/** Several networks in one process, as flanneld's `--networks`: each lives by itself, and none waits for another. */
import { setTimeout } from 'node:timers/promises';
import { messageOf } from '../errors.ts';
import { type Backoff, backoffMs, jitter } from '../jitter.ts';
import type { NetworkDirectory } from '../store/contract.ts';
import { createHerald, type WatchEvent } from './events.ts';
import type { Health, Healths } from './health.ts';

/** What a member of one of the networks gets. */
export interface Membership {
  readonly health: Health;
  readonly signal: AbortSignal;
  emit(event: WatchEvent): void;
}

export interface NetworksWorld {
  readonly healths: Healths;
  readonly signal: AbortSignal;
  /** Null: those that are named are taken part in, whether they are there or not. */
  readonly directory: NetworkDirectory | null;
  now(): number;
  emit(event: WatchEvent): void;
  /** Takes part in a network until the signal aborts. @throws what waiting does not help against */
  member(network: string, membership: Membership): Promise<void>;
  /** Those that this host takes part in, or did when this process last ended. */
  joined(): Promise<readonly string[]>;
  /** Takes all of a network off this host; its lease stays. @returns whether there was anything */
  leave(network: string, signal: AbortSignal): Promise<boolean>;
}

export interface NetworksSettings {
  /** With a directory, only of these; empty: of any. */
  readonly networks: readonly string[];
  /** Between two looks at the directory, in ms. */
  readonly intervalMs: number;
}

/** A network that is wrongly configured, say, may be mended at any time. */
const RETRY: Backoff = { firstMs: 1000, limitMs: 30_000 };

/** At most so long a network's start holds up the next one's: what they cannot share is seen by the second. */
const START_LIMIT_MS = 2000;

/** So much of an interval is left to chance, as all hosts begin at once after a power cut. */
const INTERVAL_SHARE = 0.2;

const DIRECTORY = 'directory';

interface Life {
  /** It has joined, or failed to. */
  readonly begun: Promise<void>;
  readonly ended: Promise<void>;
  end(): void;
}

/** Takes part in the networks until the signal aborts; their dataplanes go on afterwards. Troubles are events. */
export async function runNetworks(
  world: NetworksWorld,
  { networks, intervalMs }: NetworksSettings,
): Promise<void> {
  const { directory, signal, healths, emit, now } = world;
  const herald = createHerald(emit, now);
  const lives = new Map<string, Life>();
  const wait = (ms: number) => setTimeout(ms, undefined, { signal }).catch(() => {});

  async function begin(network: string): Promise<void> {
    const life = live(world, network);
    lives.set(network, life);
    await Promise.race([life.begun, life.ended, wait(START_LIMIT_MS)]);
  }

  async function end(network: string, life: Life): Promise<void> {
    life.end();
    await life.ended;
    lives.delete(network);
    healths.forget(network);
  }

  /** What the last look has missed: gone is what two have missed, as a config may be written anew by delete and put. */
  let missed: readonly string[] = [];

  /** Brings what this host takes part in in step with what there is. */
  async function follow(there: readonly string[]): Promise<void> {
    const wanted = there.filter((name) => networks.length === 0 || networks.includes(name));
    const missing = [...new Set([...lives.keys(), ...(await world.joined())])].filter(
      (name) => !wanted.includes(name),
    );
    const gone = missing.filter((name) => missed.includes(name));
    missed = missing;
    for (const network of gone) {
      const life = lives.get(network);
      if (life !== undefined) await end(network, life);
      if (!signal.aborted) await leave(network);
    }
    for (const network of wanted) {
      if (!lives.has(network) && !signal.aborted) await begin(network);
    }
  }

  async function leave(network: string): Promise<void> {
    const task = `leaving ${network}`;
    try {
      if (await world.leave(network, signal)) {
        herald.tell('left', { network, message: 'its config is gone from the store' });
      }
      herald.relief(task);
    } catch (error) {
      if (!signal.aborted) herald.trouble(task, `cannot leave ${network}: ${messageOf(error)}`);
    }
  }

  if (directory === null) for (const network of networks) await begin(network);
  while (directory !== null && !signal.aborted) {
    try {
      await follow(await directory.list());
      herald.relief(DIRECTORY);
    } catch (error) {
      // What is taken part in stays: the store says nothing of it.
      herald.trouble(DIRECTORY, `which networks there are is not known: ${messageOf(error)}`);
    }
    await wait(jitter(intervalMs, INTERVAL_SHARE, Math.random()));
  }
  await Promise.all(Array.from(lives.values(), ({ ended }) => ended));
}

/** Begins to take part in a network, and does so again whenever that fails, until it is ended. */
function live(world: NetworksWorld, network: string): Life {
  const ending = new AbortController();
  const signal = AbortSignal.any([world.signal, ending.signal]);
  const { promise: begun, resolve: hasBegun } = Promise.withResolvers<void>();
  let failures = 0;
  const emit = (event: WatchEvent) => {
    if (event.type === 'joined') failures = 0;
    world.emit({ ...event, network });
    hasBegun();
  };
  const health = world.healths.of(network);
  const { tell } = createHerald((event) => {
    health.note(event);
    emit(event);
  }, world.now);
  const takePart = async () => {
    let told: string | null = null;
    for (; !signal.aborted; failures += 1) {
      try {
        await world.member(network, { health, signal, emit });
        told = null;
      } catch (error) {
        if (signal.aborted) return;
        if (messageOf(error) !== told) tell('error', { message: messageOf(error) });
        told = messageOf(error);
      }
      const pauseMs = backoffMs(failures, RETRY, Math.random());
      await setTimeout(pauseMs, undefined, { signal }).catch(() => {});
    }
  };
  return { begun, ended: takePart(), end: () => ending.abort() };
}
