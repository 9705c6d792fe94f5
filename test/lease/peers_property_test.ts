import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeSubnetKey } from '../../src/lease/codec.ts';
import type { Lease, LeaseAttributes, RejectedKey } from '../../src/lease/lease.ts';
import {
  emptyPeers,
  type PeerEvent,
  type PeerTable,
  type PeerUpdate,
  reducePeers,
} from '../../src/lease/peers.ts';
import { formatPrefix, parsePrefix, prefixOf } from '../../src/net/prefix.ts';
import { vxlanAttributes } from '../arbitraries.ts';

const A = parsePrefix('10.5.1.0/24');

/** What happens in a store with five keys: a lease, garbage or nothing is written to one after the other. */
const aHistory = fc.array(
  fc.record({
    slot: fc.nat({ max: 4 }),
    what: fc.constantFrom('put', 'put', 'removed', 'rejected'),
    attributes: vxlanAttributes,
    renewal: fc.boolean(),
    sameBatch: fc.boolean(),
  }),
  { maxLength: 40 },
);

/** Plays a history: the batches of events that a watch yields, and the snapshot that a list gives after each. */
function play(history: typeof aHistory extends fc.Arbitrary<infer T> ? T : never) {
  const leases = new Map<string, Lease>();
  const rejected = new Map<string, RejectedKey>();
  const steps: { batch: PeerUpdate; snapshot: PeerUpdate }[] = [];
  let events: PeerEvent[] = [];
  history.forEach(({ slot, what, attributes, renewal, sameBatch }, index) => {
    const revision = index + 1;
    const subnet = prefixOf(A.address + slot * 256, 24);
    const key = encodeSubnetKey(subnet);
    const before = leases.get(key);
    leases.delete(key);
    rejected.delete(key);
    if (what === 'put') {
      const next = renewal && before ? before.attributes : attributes;
      leases.set(key, { subnet, attributes: next, expiresAt: 'unknown', revision });
    }
    if (what === 'rejected') rejected.set(key, { key, subnet, reason: `at ${revision}` });
    const lease = leases.get(key);
    const entry = rejected.get(key);
    if (lease) events.push({ type: 'put', lease });
    else if (entry) events.push({ type: 'rejected', rejected: entry });
    else events.push({ type: 'removed', subnet });
    if (sameBatch && revision < history.length) return;
    steps.push({
      batch: { type: 'events', events, revision },
      snapshot: {
        type: 'snapshot',
        snapshot: { leases: [...leases.values()], rejected: [...rejected.values()], revision },
      },
    });
    events = [];
  });
  return steps;
}

test('events and snapshots, in any mix and with repetitions, lead to the same table', () => {
  fc.assert(
    fc.property(aHistory, fc.infiniteStream(fc.nat({ max: 3 })), (history, modes) => {
      let table = emptyPeers();
      const steps = play(history);
      steps.forEach(({ batch, snapshot }, index) => {
        const mode = modes.next().value;
        const updates = [[batch], [snapshot], [batch, batch], [batch, snapshot, batch]][mode] ?? [];
        for (const update of updates) ({ table } = reducePeers(table, update));
        const earlier = steps[index - 1]?.batch;
        if (earlier) ({ table } = reducePeers(table, earlier));
        assert.deepEqual(table, reducePeers(emptyPeers(), snapshot).table);
      });
    }),
  );
});

test('changes, applied one after the other, keep a copy of the peers true', () => {
  fc.assert(
    fc.property(aHistory, fc.infiniteStream(fc.boolean()), (history, resyncs) => {
      const copy = new Map<string, LeaseAttributes>();
      let table = emptyPeers();
      for (const { batch, snapshot } of play(history)) {
        // Without the batch this is an outage that a later snapshot ends.
        if (resyncs.next().value) continue;
        const resync = resyncs.next().value || table.revision === 0;
        if (!resync && !isNext(table, batch)) continue;
        const reduction = reducePeers(table, resync ? snapshot : batch);
        table = reduction.table;
        for (const { type, lease } of reduction.changes) {
          const key = formatPrefix(lease.subnet);
          assert.equal(type === 'added', !copy.has(key));
          if (type === 'changed') assert.notDeepEqual(copy.get(key), lease.attributes);
          if (type === 'removed') copy.delete(key);
          else copy.set(key, lease.attributes);
        }
        assert.deepEqual(copy, new Map([...table.leases].map(([k, l]) => [k, l.attributes])));
      }
    }),
  );
});

/** Whether the batch goes on where the table is. */
function isNext(table: PeerTable, update: PeerUpdate): boolean {
  return update.type === 'events' && update.revision - update.events.length === table.revision;
}
