import type { IWatchResponse } from 'etcd3/lib/rpc.js';
import { messageOf } from '../errors.ts';
import { type Backoff, backoffMs } from '../jitter.ts';
import type { LeaseEvent, StoreUpdate } from './contract.ts';
import type { EtcdClient } from './etcd_client.ts';
import { entryOf, listSubnets } from './etcd_list.ts';
import { openWatchStream } from './etcd_watch_stream.ts';
import { type KeyLayout, putEvent, removedEvent } from './keys.ts';
import { pause } from './pause.ts';

const RETRY: Backoff = { firstMs: 50, limitMs: 5_000 };
/** A stream that lived this long was a good one: the next wait is short again. */
const GOOD_STREAM_MS = 10_000;

export interface EtcdWatchOptions {
  readonly client: EtcdClient;
  readonly layout: KeyLayout;
  /** Revision after which to begin. */
  readonly from: number;
  readonly signal: AbortSignal;
}

/**
 * The etcd store's `watch`. A stream that ends, for whatever reason, is never taken up where it was: what there is is
 * listed anew, and the next stream begins at the list's revision.
 */
export async function* watchEtcd(options: EtcdWatchOptions): AsyncGenerator<StoreUpdate> {
  const { client, layout, signal } = options;
  let from = options.from;
  let retries = 0;
  let isAway = false;

  for (let isFirst = true; !signal.aborted; isFirst = false) {
    if (!isFirst) {
      await pause(backoffMs(retries++, RETRY, Math.random()), signal);
      if (signal.aborted) return;
      const listed = await unlessAborted(
        listSubnets(client.begin(), layout).catch((error: unknown) => ({
          failure: messageOf(error),
        })),
        signal,
      );
      if (listed === null) return;
      if ('failure' in listed) {
        if (!isAway) yield { type: 'unavailable', message: listed.failure };
        isAway = true;
        continue;
      }
      isAway = false;
      from = listed.revision;
      yield { type: 'snapshot', snapshot: listed };
    }

    const startedAt = performance.now();
    for await (const response of openWatchStream({ client, layout, from, signal })) {
      const update = updateOf(layout, response);
      if (update !== null) yield update;
    }
    if (performance.now() - startedAt > GOOD_STREAM_MS) retries = 0;
  }
}

/** A response holds whole revisions, so one transaction is one batch. */
function updateOf(layout: KeyLayout, response: IWatchResponse): StoreUpdate | null {
  const events: LeaseEvent[] = [];
  for (const { type, kv } of response.events) {
    const event =
      type === 'Delete' ? removedEvent(layout, kv.key.toString()) : putEvent(layout, entryOf(kv));
    if (event !== null) events.push(event);
  }
  if (events.length === 0) return null;
  // Not the header's revision: while a watch catches up, that is already the newest, and more events are to come.
  const last = response.events.at(-1)?.kv.mod_revision ?? response.header.revision;
  return { type: 'events', events, revision: Number(last) };
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | null> {
  if (signal.aborted) return null;
  const { promise, resolve } = Promise.withResolvers<null>();
  const stop = () => resolve(null);
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
