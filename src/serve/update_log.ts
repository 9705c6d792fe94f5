/** What has happened of late, so that one watch of the store is enough for all who follow it. */
import type { LeaseEvent } from '../store/contract.ts';

/** A batch of the store's watch. */
export interface Batch {
  readonly events: readonly LeaseEvent[];
  readonly revision: number;
}

/** Events in order, without a gap. Never changed in place. */
export interface UpdateLog {
  /** The revision after which all events are here. */
  readonly floor: number;
  /** That of the last one; the floor's where there are none. */
  readonly revision: number;
  readonly batches: readonly Batch[];
}

/** Who was away for longer than that gets a list. */
const MOST_BATCHES = 2_000;
const MOST_EVENTS = 20_000;

/** The log of somebody who begins to listen. */
export function emptyLog(floor: number): UpdateLog {
  return { floor, revision: floor, batches: [] };
}

/** Takes a batch in; the oldest make room. */
export function appendBatch(log: UpdateLog, batch: Batch): UpdateLog {
  let count = log.batches.reduce((sum, { events }) => sum + events.length, batch.events.length);
  let first = 0;
  const batches = [...log.batches, batch];
  while (batches.length - first > MOST_BATCHES || count > MOST_EVENTS) {
    if (first === batches.length - 1) break;
    count -= batches[first]?.events.length ?? 0;
    first += 1;
  }
  const floor = first === 0 ? log.floor : (batches[first - 1]?.revision ?? log.floor);
  return { floor, revision: batch.revision, batches: batches.slice(first) };
}

/**
 * The events after a revision; null where the log cannot tell them exactly. Those of one batch are the same list each
 * time.
 */
export function eventsAfter(log: UpdateLog, revision: number): readonly LeaseEvent[] | null {
  if (revision < log.floor) return null;
  const index = log.batches.findIndex((batch) => batch.revision > revision);
  const [batch, ...later] = index < 0 ? [] : log.batches.slice(index);
  if (batch === undefined) return [];
  const before = log.batches[index - 1]?.revision ?? log.floor;
  const rest = revision > before ? split(batch.events, revision) : batch.events;
  if (rest === null || later.length === 0) return rest;
  return [...rest, ...later.flatMap(({ events }) => events)];
}

/**
 * What of a batch is after a revision within it. Only a write tells its revision: what stands between the last one up to
 * it and the first one after it may be on either side.
 */
function split(events: readonly LeaseEvent[], revision: number): readonly LeaseEvent[] | null {
  const isKnown = (event: LeaseEvent) => event.type === 'put' && event.lease.revision <= revision;
  const isNew = (event: LeaseEvent) => event.type === 'put' && event.lease.revision > revision;
  const lastKnown = events.findLastIndex(isKnown);
  const firstNew = events.findIndex(isNew);
  const end = firstNew < 0 ? events.length : firstNew;
  return lastKnown + 1 === end ? events.slice(end) : null;
}
