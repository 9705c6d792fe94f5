import type { Lease } from '../../src/lease/lease.ts';
import { formatPrefix } from '../../src/net/prefix.ts';
import type { LeaseEvent, LeaseStore, StoreUpdate } from '../../src/store/contract.ts';

/** A watch, and what a consumer knows by it. */
export interface Follower {
  readonly updates: readonly StoreUpdate[];
  /** The leases by subnet, `10.5.1.0/24`, as the updates reduce to them. */
  readonly leases: ReadonlyMap<string, Lease>;
  /** Waits until the condition holds. */
  until(condition: (follower: Follower) => boolean, limitMs?: number): Promise<void>;
  /** Aborts the watch and waits for its end. */
  stop(): Promise<void>;
}

export function follow(store: LeaseStore, from: number): Follower {
  const updates: StoreUpdate[] = [];
  const leases = new Map<string, Lease>();
  const stopping = new AbortController();
  const waiting = new Set<() => void>();
  let failure: unknown = null;

  const work = (async () => {
    for await (const update of store.watch(from, stopping.signal)) {
      updates.push(update);
      reduce(leases, update);
      for (const look of waiting) look();
    }
  })().catch((error: unknown) => {
    failure = error;
    for (const look of waiting) look();
  });

  const follower: Follower = {
    updates,
    leases,
    until(condition, limitMs = 10_000) {
      return new Promise((resolve, reject) => {
        const finish = (error?: unknown) => {
          clearTimeout(timer);
          waiting.delete(look);
          if (error === undefined) resolve();
          else reject(error);
        };
        const look = () => {
          if (failure !== null) finish(failure);
          else if (condition(follower)) finish();
        };
        const timer = setTimeout(() => {
          const seen = updates.slice(-3).map((update) => JSON.stringify(update).slice(0, 300));
          finish(
            new Error(`not within ${limitMs} ms: ${condition}; last updates:\n${seen.join('\n')}`),
          );
        }, limitMs);
        waiting.add(look);
        look();
      });
    },
    async stop() {
      stopping.abort();
      await work;
      if (failure !== null) throw failure;
    },
  };
  return follower;
}

function reduce(leases: Map<string, Lease>, update: StoreUpdate): void {
  if (update.type === 'snapshot') {
    leases.clear();
    for (const lease of update.snapshot.leases) leases.set(formatPrefix(lease.subnet), lease);
  }
  if (update.type !== 'events') return;
  for (const event of update.events) {
    if (event.type === 'put') leases.set(formatPrefix(event.lease.subnet), event.lease);
    if (event.type === 'removed') leases.delete(formatPrefix(event.subnet));
  }
}

/** All single events, in the order they came. */
export function eventsOf(follower: Follower): LeaseEvent[] {
  return follower.updates.flatMap((update) => (update.type === 'events' ? update.events : []));
}

/** Revisions of all leases put, in the order they came. */
export function putRevisions(follower: Follower): number[] {
  return eventsOf(follower).flatMap((event) =>
    event.type === 'put' ? [event.lease.revision] : [],
  );
}

export function snapshotCount(follower: Follower): number {
  return follower.updates.filter((update) => update.type === 'snapshot').length;
}
