/** How a member of the network is, for who asks: a service manager, a probe. */
import { messageOf, TartanError } from '../errors.ts';
import type { WatchEvent } from './events.ts';

export interface Verdict {
  readonly good: boolean;
  /** One line for people. */
  readonly text: string;
}

export interface Health {
  /** Takes an event of the member in. */
  note(event: WatchEvent): void;
  /**
   * A look at the host has come to its end.
   * @param failure what kept it from its end, or from mending what it found; absent: nothing
   */
  looked(failure?: unknown): void;
  /** Whether the process does its work: not while it waits for a store, but when a look at the kernel is overdue. */
  alive(): Verdict;
  /**
   * Whether packets can flow: a lease is held, the peers are in the kernel, and the underlay is there. An outage of the
   * store does not end it.
   */
  ready(): Verdict;
}

/** How the members of several networks are. */
export interface Healths {
  /** That of one, which counts from now on. */
  of(network: string): Health;
  forget(network: string): void;
  alive(): Verdict;
  /** Whether all are ready. */
  ready(): Verdict;
}

/** So many looks may be missed, and so long may one last. */
const LOOKS_MISSED = 3;
const LOOK_LASTS_MS = 30_000;

/**
 * @param intervalSeconds between two looks
 * @param elapsed a clock that nobody sets, in ms
 */
export function createHealth(intervalSeconds: number, elapsed: () => number): Health {
  let subnet: string | null = null;
  let isReady = false;
  let reason = 'has not joined yet';
  /** What is wrong with the underlay; null: nothing, as far as the last look tells. */
  let hindrance: string | null = null;
  /** Null: it has not begun to look. */
  let lookedAt: number | null = null;
  const patienceMs = LOOKS_MISSED * intervalSeconds * 1000 + LOOK_LASTS_MS;
  return {
    note({ type, subnet: told, message }) {
      if (type === 'joined' || type === 'acquired') subnet = told ?? subnet;
      if (type === 'synced' || type === 'acquired') isReady = true;
      if (type === 'lost') isReady = false;
      if (type === 'lost' || (type === 'error' && !isReady)) reason = message ?? type;
      if (type === 'synced') lookedAt ??= elapsed();
    },
    looked(failure) {
      lookedAt = elapsed();
      if (failure === undefined) hindrance = null;
      // Whatever else fails meanwhile is told: nobody has seen the underlay since.
      else if (hindrance !== null || isOfUnderlay(failure)) hindrance = messageOf(failure);
    },
    alive() {
      if (lookedAt === null) return { good: true, text: 'starting' };
      const ageMs = elapsed() - lookedAt;
      if (ageMs <= patienceMs) return { good: true, text: 'running' };
      const seconds = Math.round(ageMs / 1000);
      return { good: false, text: `the last look at the kernel ended ${seconds} s ago` };
    },
    ready() {
      if (!isReady) return { good: false, text: reason };
      if (hindrance !== null) return { good: false, text: hindrance };
      return { good: true, text: `member with ${subnet}` };
    },
  };
}

function isOfUnderlay(error: unknown): boolean {
  return error instanceof TartanError && error.code === 'INTERFACE';
}

/** @param create makes the health of one */
export function createHealths(create: () => Health): Healths {
  const healths = new Map<string, Health>();
  const verdictOf = (ask: (health: Health) => Verdict, none: Verdict): Verdict => {
    const verdicts = Array.from(healths, ([network, health]) => ({ network, ...ask(health) }));
    if (verdicts.length === 0) return none;
    const text = verdicts.map((one) => `${one.network}: ${one.text}`).join('; ');
    return { good: verdicts.every(({ good }) => good), text };
  };
  return {
    of(network) {
      const health = create();
      healths.set(network, health);
      return health;
    },
    forget: (network) => healths.delete(network),
    alive: () => verdictOf((health) => health.alive(), { good: true, text: 'starting' }),
    ready: () =>
      verdictOf((health) => health.ready(), { good: false, text: 'there is no network' }),
  };
}
