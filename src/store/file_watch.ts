import { messageOf } from '../errors.ts';
import type { StoreUpdate } from './contract.ts';
import { openFileAlarm } from './file_alarm.ts';
import type { Sql } from './file_database.ts';
import { nextExpiry, readSnapshot, readUpdate } from './file_records.ts';
import type { KeyLayout } from './keys.ts';
import { pause } from './pause.ts';

/** Between tries while the file cannot be read: signs of life are no help then, they may be our own failed tries. */
const AWAY_RETRY_MS = 250;

export interface FileWatchOptions {
  readonly path: string;
  readonly layout: KeyLayout;
  /** Reads in one transaction, after expired leases were removed; counts how often the file was replaced. */
  readonly read: <T>(use: (sql: Sql, reopened: number) => T) => Promise<T>;
  readonly now: () => number;
  /** Revision after which to begin. */
  readonly from: number;
  readonly signal: AbortSignal;
}

/** The file store's `watch`: reads on from its revision whenever something may have been written or has expired. */
export async function* watchFile(options: FileWatchOptions): AsyncGenerator<StoreUpdate> {
  const { path, layout, read, now, signal } = options;
  if (signal.aborted) return;
  // Before the first look, so that no write falls between the two.
  using alarm = openFileAlarm(path, signal);
  let at = options.from;
  let file: number | null = null;
  let mustResync = false;
  let isAway = false;

  while (!signal.aborted) {
    try {
      const look = await read((sql, reopened) => {
        const wasReplaced = file !== null && file !== reopened;
        const update =
          mustResync || wasReplaced
            ? ({ type: 'snapshot', snapshot: readSnapshot(sql, layout) } as const)
            : readUpdate(sql, layout, at);
        return { update, reopened, expiry: nextExpiry(sql) };
      });
      if (signal.aborted) return;
      file = look.reopened;
      mustResync = false;
      isAway = false;
      if (look.update !== null) {
        at = revisionOf(look.update) ?? at;
        if (!isEmpty(look.update)) yield look.update;
      }
      await alarm.next(look.expiry === null ? Number.POSITIVE_INFINITY : look.expiry - now());
    } catch (error) {
      if (signal.aborted) return;
      mustResync = true;
      if (!isAway) yield { type: 'unavailable', message: messageOf(error) };
      isAway = true;
      await pause(AWAY_RETRY_MS, signal);
    }
  }
}

function revisionOf(update: StoreUpdate): number | null {
  if (update.type === 'snapshot') return update.snapshot.revision;
  return update.type === 'events' ? update.revision : null;
}

/** A write to the config alone moves the revision and tells nothing of leases. */
function isEmpty(update: StoreUpdate): boolean {
  return update.type === 'events' && update.events.length === 0;
}
