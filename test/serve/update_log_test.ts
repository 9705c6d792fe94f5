import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Lease } from '../../src/lease/lease.ts';
import { emptyPeers, reducePeers } from '../../src/lease/peers.ts';
import { appendBatch, emptyLog, eventsAfter } from '../../src/serve/update_log.ts';
import type { LeaseEvent } from '../../src/store/contract.ts';

const subnet = (index: number) =>
  ({ family: 'ipv4', address: 0x0a00_0000 + index * 256, length: 24 }) as const;

function put(index: number, revision: number): LeaseEvent {
  const attributes = { publicIp: `10.9.0.${revision}`, publicIpv6: null, backendType: '' };
  const lease: Lease = { subnet: subnet(index), attributes, expiresAt: 'never', revision };
  return { type: 'put', lease };
}

const removed = (index: number): LeaseEvent => ({ type: 'removed', subnet: subnet(index) });

/** A story: at each revision one event, which no test but this one can see. */
const story = fc
  .array(fc.tuple(fc.nat({ max: 3 }), fc.boolean()), { minLength: 1, maxLength: 30 })
  .map((steps) => steps.map(([index, isPut], at) => (isPut ? put(index, at + 1) : removed(index))));

const stateOf = (events: readonly LeaseEvent[]) => {
  let { table } = { table: emptyPeers() };
  events.forEach((event, at) => {
    table = reducePeers(table, { type: 'events', events: [event], revision: at + 1 }).table;
  });
  return table;
};

test('whoever goes on from any revision ends where the store is, or is told to list anew', () => {
  let exact = 0;
  fc.assert(
    fc.property(story, fc.array(fc.nat({ max: 29 })), fc.nat({ max: 30 }), (events, cuts, at) => {
      const ends = [...new Set([...cuts.filter((cut) => cut > 0), events.length])]
        .filter((end) => end <= events.length)
        .sort((a, b) => a - b);
      let log = emptyLog(0);
      let from = 0;
      for (const end of ends) {
        log = appendBatch(log, { events: events.slice(from, end), revision: end });
        from = end;
      }
      const known = Math.min(at, events.length);
      const after = eventsAfter(log, known);
      if (after === null) return;
      exact += 1;
      assert.deepEqual(after, events.slice(known));
      const before = stateOf(events.slice(0, known));
      const update = { type: 'events', events: after, revision: events.length } as const;
      const reached = after.length === 0 ? before : reducePeers(before, update).table;
      assert.deepEqual(reached.leases, stateOf(events).leases);
    }),
  );
  assert(exact > 20, 'a log that never knows is of no use');
});

test('a batch of which all is wanted is the same list each time', () => {
  const batch = [put(1, 5), removed(2)];
  const log = appendBatch(appendBatch(emptyLog(3), { events: [], revision: 4 }), {
    ...{ events: batch, revision: 6 },
  });
  assert.equal(eventsAfter(log, 4), batch);
  assert.deepEqual(eventsAfter(log, 3), batch);
  assert.deepEqual(eventsAfter(log, 6), []);
  assert.deepEqual(eventsAfter(log, 9), []);
  assert.equal(eventsAfter(log, 2), null, 'from before it began');
  assert.equal(eventsAfter(log, 5), null, 'the removal may be of 5 or of 6');
});

test('the log is bounded, and says so to who is too late', () => {
  let log = emptyLog(0);
  for (let revision = 1; revision <= 5_000; revision++) {
    log = appendBatch(log, { events: [put(1, revision)], revision });
  }
  assert(log.batches.length <= 2_000);
  assert.equal(eventsAfter(log, log.floor)?.length, log.batches.length);
  assert.equal(eventsAfter(log, log.floor - 1), null);
  const many = Array.from({ length: 30_000 }, (_, index) => put(index, 5_001 + index));
  log = appendBatch(log, { events: many, revision: 35_000 });
  assert.equal(log.batches.length, 1, 'the newest stays, however long it is');
});
