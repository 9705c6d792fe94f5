/** One watch of a store, for all clients that follow it. */
import { randomBytes } from 'node:crypto';
import type { LeaseEvent, LeaseStore, Snapshot } from '../store/contract.ts';
import { storeAway } from './exchange.ts';
import { shareReads } from './listing.ts';
import { appendBatch, emptyLog, eventsAfter, type UpdateLog } from './update_log.ts';

/**
 * Where a client is: the revision up to which it knows all, and the story that it is a revision of. A story ends when the
 * store tells everything anew, as then the same revision may mean another thing. Null: a list told it, of whatever story.
 */
export interface Cursor {
  readonly revision: number;
  readonly story: string | null;
}

export type News = { readonly cursor: Cursor } & (
  | { readonly type: 'snapshot'; readonly snapshot: Snapshot }
  | { readonly type: 'events'; readonly events: readonly LeaseEvent[]; readonly revision: number }
  /** Nothing until now. */
  | { readonly type: 'quiet' }
);

export interface Hub {
  /** All leases, read after the call. */
  list(): Promise<News & { readonly type: 'snapshot' }>;
  /**
   * What has happened since, as soon as something has.
   * @param until ends the waiting: quiet then
   * @throws TartanError `STORE_UNAVAILABLE`
   */
  next(cursor: Cursor, until: AbortSignal): Promise<News>;
  /** Rejects if the watch of the store has failed, which it never should. */
  readonly failed: Promise<never>;
}

/** Nothing is asked before somebody listens. @param signal ends the watch of the store */
export function createHub(store: LeaseStore, signal: AbortSignal): Hub {
  const list = shareReads(() => store.list());
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  failed.catch(() => {});
  const waiting = new Set<() => void>();
  let story = newStory();
  let log: UpdateLog | null = null;
  let isAway = false;

  async function run(from: number): Promise<void> {
    for await (const update of store.watch(from, signal)) {
      isAway = update.type === 'unavailable';
      if (update.type === 'snapshot') {
        story = newStory();
        log = emptyLog(update.snapshot.revision);
      } else if (update.type === 'events' && log !== null) log = appendBatch(log, update);
      for (const wake of waiting) wake();
    }
  }

  async function listNews(): Promise<News & { readonly type: 'snapshot' }> {
    // What the story was before it was read: if it ends meanwhile, the client is told everything once more.
    const told = story;
    const snapshot = await list();
    return { type: 'snapshot', snapshot, cursor: { revision: snapshot.revision, story: told } };
  }

  /** Makes sure that the log goes on from a revision, or says that it is not one of the store's. */
  async function isFollowed(revision: number): Promise<boolean> {
    if (log !== null && revision <= log.revision) return true;
    // The log knows of leases only, so the store may be further on; but not the client.
    const newest = (await list()).revision;
    if (revision > newest) return false;
    if (log === null) {
      log = emptyLog(revision);
      run(revision).catch(fail);
    }
    return true;
  }

  return {
    failed,
    list: listNews,
    async next(cursor, until) {
      if (cursor.story !== null && cursor.story !== story) return listNews();
      if ((cursor.story === null || log === null) && !(await isFollowed(cursor.revision))) {
        return listNews();
      }
      const told = story;
      const { revision } = cursor;
      for (;;) {
        if (isAway) throw storeAway();
        const events = log === null || told !== story ? null : eventsAfter(log, revision);
        if (events === null || log === null) return listNews();
        if (events.length > 0) {
          const reached = { revision: log.revision, story };
          return { type: 'events', events, revision: log.revision, cursor: reached };
        }
        if (until.aborted || signal.aborted) return { type: 'quiet', cursor: { revision, story } };
        await change(waiting, AbortSignal.any([until, signal]));
      }
    },
  };
}

function newStory(): string {
  return randomBytes(6).toString('hex');
}

function change(waiting: Set<() => void>, until: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      waiting.delete(wake);
      until.removeEventListener('abort', wake);
      resolve();
    };
    waiting.add(wake);
    until.addEventListener('abort', wake, { once: true });
  });
}

/** `1234`, or `1234-5f0c…` with its story. */
export function formatCursor({ revision, story }: Cursor): string {
  return story === null ? String(revision) : `${revision}-${story}`;
}

/** @returns null for what is none */
export function readCursor(text: string): Cursor | null {
  const [, digits = '', story = null] = /^(\d{1,16})(?:-([0-9a-f]{12}))?$/.exec(text) ?? [];
  const revision = Number(digits);
  return digits === '' || !Number.isSafeInteger(revision) ? null : { revision, story };
}
