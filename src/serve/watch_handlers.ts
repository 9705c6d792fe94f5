/** Lists and long polls. */
import type { LeaseEvent, Snapshot } from '../store/contract.ts';
import { encodeEvents, encodeSnapshot, withCursor } from '../store/http_codec.ts';
import { readWait } from './bodies.ts';
import { type Answer, badRequest, type Call } from './exchange.ts';
import { formatCursor, type News, readCursor } from './hub.ts';
import { tooMany } from './limits.ts';
import type { Handler, Network } from './network.ts';

/** What was encoded for one client is good for others, while the time left in it is about right. */
const FRESH_MS = 1_000;

/** The encoded texts of lists and batches that many clients are told at once. */
const texts = new WeakMap<object, { readonly text: string; readonly atMs: number }>();

function encodedOnce(of: object, nowMs: number, encode: () => string): string {
  const known = texts.get(of);
  if (known !== undefined && Math.abs(nowMs - known.atMs) < FRESH_MS) return known.text;
  const text = encode();
  texts.set(of, { text, atMs: nowMs });
  return text;
}

const snapshotText = (snapshot: Snapshot, nowMs: number) =>
  encodedOnce(snapshot, nowMs, () => encodeSnapshot(snapshot, nowMs));

const eventsText = (events: readonly LeaseEvent[], revision: number, nowMs: number) =>
  encodedOnce(events, nowMs, () => encodeEvents(events, revision, nowMs));

function newsAnswer(news: News, nowMs: number): Answer {
  const { revision } = news.cursor;
  const body =
    news.type === 'snapshot'
      ? snapshotText(news.snapshot, nowMs)
      : news.type === 'events'
        ? eventsText(news.events, news.revision, nowMs)
        : encodeEvents([], revision, nowMs);
  return { status: 200, text: withCursor(body, formatCursor(news.cursor)), revision };
}

/** All leases; with `?next=` what has happened since, as soon as something has. */
export const getLeases: Handler = async (network, call) => {
  const next = call.query.get('next');
  if (next === null) return newsAnswer(await network.hub.list(), network.now());
  const cursor = readCursor(next);
  if (cursor === null) {
    throw badRequest(
      `next is ${JSON.stringify(next.slice(0, 40))}, which no answer has told`,
      'Give the cursor of the last answer, or none to begin with a list.',
    );
  }
  const seconds = readWait(call.query);
  const news = await waitForNews(network, call, cursor, seconds);
  // flannel's client takes an answer without events for a list, so it gets one.
  const told = news.type === 'quiet' && seconds === null ? await network.hub.list() : news;
  return newsAnswer(told, network.now());
};

async function waitForNews(
  { hub, limits, polls }: Network,
  { client, gone }: Call,
  cursor: News['cursor'],
  seconds: number | null,
): Promise<News> {
  if (!polls.take(client.address)) throw tooMany('requests that wait for news', limits.polls);
  try {
    const waitMs = Math.min(seconds === null ? limits.pollMs : seconds * 1000, limits.pollMs);
    return await hub.next(cursor, AbortSignal.any([gone, AbortSignal.timeout(waitMs)]));
  } finally {
    polls.give(client.address);
  }
}
