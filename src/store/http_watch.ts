import { messageOf } from '../errors.ts';
import { type Backoff, backoffMs } from '../jitter.ts';
import type { StoreUpdate } from './contract.ts';
import type { HttpClient } from './http_client.ts';
import { decodeWatchAnswer, type WatchAnswer } from './http_codec.ts';
import { refusal } from './http_errors.ts';
import { pause } from './pause.ts';

const RETRY: Backoff = { firstMs: 50, limitMs: 5_000 };
/** How long the server is asked to wait for news, and how much later it must have answered: else it has vanished. */
const WAIT_SECONDS = 15;
const GRACE_MS = 5_000;
/** A server that answers sooner, without news, would have us ask all the time. */
const HASTY_MS = 1_000;

export interface HttpWatchOptions {
  readonly client: HttpClient;
  /** Path of the leases. */
  readonly path: string;
  /** Revision after which to begin. */
  readonly from: number;
  readonly signal: AbortSignal;
}

/**
 * The http store's `watch`: one request after the other, each with the cursor of the answer before. After a failure it is
 * not taken up where it was: what there is is listed anew, as the server may have another store behind it by then.
 */
export async function* watchHttp(options: HttpWatchOptions): AsyncGenerator<StoreUpdate> {
  const { client, path, signal } = options;
  let cursor: string | null = String(options.from);
  let isAway = false;
  /** Answers and failures in a row that brought nothing new. */
  let idle = 0;

  while (!signal.aborted) {
    const askedAt = performance.now();
    const found: WatchAnswer | { readonly failure: string } = await ask(
      client,
      path,
      cursor,
      signal,
    ).catch((error: unknown) => ({ failure: messageOf(error) }));
    if (signal.aborted) return;
    if ('failure' in found) {
      if (!isAway) yield { type: 'unavailable', message: found.failure };
      isAway = true;
      cursor = null;
      await pause(backoffMs(idle++, RETRY, Math.random()), signal);
      continue;
    }
    isAway = false;
    cursor = found.cursor;
    const { update } = found;
    if (update !== null) yield update;
    const isHasty = performance.now() - askedAt < HASTY_MS;
    if (update?.type === 'events' || !isHasty) idle = 0;
    // One list is what follows an outage; a server that knows nothing else must not be asked at once, for ever.
    else if (idle++ > 0) await pause(backoffMs(idle, RETRY, Math.random()), signal);
  }
}

async function ask(
  client: HttpClient,
  path: string,
  cursor: string | null,
  signal: AbortSignal,
): Promise<WatchAnswer> {
  const query = cursor === null ? '' : `?next=${encodeURIComponent(cursor)}&wait=${WAIT_SECONDS}`;
  const limitMs = WAIT_SECONDS * 1000 + GRACE_MS;
  const answer = await client.request({ method: 'GET', path: path + query, limitMs, signal });
  if (answer.status !== 200) throw refusal(client.description, answer.status, answer.body);
  return decodeWatchAnswer(answer.body, Date.now());
}
