import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeSubnetKey } from '../../src/lease/codec.ts';
import type { Lease, LeaseAttributes, RejectedKey } from '../../src/lease/lease.ts';
import {
  emptyPeers,
  type PeerChange,
  type PeerEvent,
  type PeerTable,
  type PeerUpdate,
  reducePeers,
} from '../../src/lease/peers.ts';
import { formatPrefix, parsePrefix, prefixOf } from '../../src/net/prefix.ts';
import type { StoreUpdate } from '../../src/store/contract.ts';

// What a store yields is what the table takes: checked by the compiler.
const fromStore = (update: StoreUpdate): PeerUpdate => update;

const A = parsePrefix('10.5.1.0/24');
const B = parsePrefix('10.5.2.0/24');
const MAC = 'c6:d2:32:6f:8f:44';

function leaseOf(subnet = A, revision = 1, attributes: Partial<LeaseAttributes> = {}): Lease {
  return {
    subnet,
    attributes: {
      ...{ publicIp: '1.1.1.1', publicIpv6: null, backendType: 'vxlan' },
      vxlan: { vni: 1, vtepMac: MAC },
      ...attributes,
    },
    expiresAt: 'unknown',
    revision,
  };
}

function rejectedAt(key: string): RejectedKey {
  return { key, subnet: null, reason: 'made for a test' };
}

function snapshotOf(revision: number, leases: Lease[], rejected: RejectedKey[] = []): PeerUpdate {
  return fromStore({ type: 'snapshot', snapshot: { leases, rejected, revision } });
}

function batchOf(revision: number, ...events: PeerEvent[]): PeerUpdate {
  return fromStore({ type: 'events', events, revision });
}

const put = (lease: Lease): PeerEvent => ({ type: 'put', lease });
const removal = (subnet = A): PeerEvent => ({ type: 'removed', subnet });
const rejection = (key: string): PeerEvent => ({ type: 'rejected', rejected: rejectedAt(key) });

/** The table after these updates, and what the last one changed. */
function reduceAll(...updates: PeerUpdate[]): { table: PeerTable; changes: string[] } {
  let table = emptyPeers();
  let changes: readonly PeerChange[] = [];
  for (const update of updates) ({ table, changes } = reducePeers(table, update));
  return {
    table,
    changes: changes.map(({ type, lease }) => `${type} ${formatPrefix(lease.subnet)}`),
  };
}

test('an empty table learns everything from a snapshot', () => {
  const { table, changes } = reduceAll(snapshotOf(7, [leaseOf(A), leaseOf(B)], [rejectedAt('x')]));
  assert.equal(table.revision, 7);
  assert.deepEqual([...table.leases.keys()], ['10.5.1.0/24', '10.5.2.0/24']);
  assert.deepEqual([...table.rejected.keys()], ['x']);
  assert.deepEqual(changes, ['added 10.5.1.0/24', 'added 10.5.2.0/24']);
});

test('leases come and go by events', () => {
  const base = snapshotOf(1, []);
  const added = batchOf(2, put(leaseOf(A, 2)));
  assert.deepEqual(reduceAll(base, added).changes, ['added 10.5.1.0/24']);
  const { table, changes } = reduceAll(base, added, batchOf(3, removal(A)));
  assert.deepEqual(changes, ['removed 10.5.1.0/24']);
  assert.deepEqual(table, { ...emptyPeers(), revision: 3 });
});

test('a removal tells what the lease was', () => {
  const lease = leaseOf(A, 2);
  const { table } = reducePeers(emptyPeers(), snapshotOf(2, [lease]));
  const { changes } = reducePeers(table, batchOf(3, removal(A)));
  assert.deepEqual(changes, [{ type: 'removed', lease }]);
});

test('a renewal is no change, but its revision is kept', () => {
  const { table, changes } = reduceAll(
    snapshotOf(1, [leaseOf(A, 1)]),
    batchOf(5, put({ ...leaseOf(A, 5), expiresAt: new Date(0), handle: '7' })),
  );
  assert.deepEqual(changes, []);
  assert.equal(table.leases.get('10.5.1.0/24')?.revision, 5);
});

const CHANGES: [what: string, attributes: Partial<LeaseAttributes>][] = [
  ['PublicIP', { publicIp: '1.1.1.2' }],
  ['PublicIPv6', { publicIpv6: 'fd00::1' }],
  ['VtepMAC', { vxlan: { vni: 1, vtepMac: 'c6:d2:32:6f:8f:45' } }],
  ['VNI', { vxlan: { vni: 2, vtepMac: MAC } }],
  ['BackendType', { backendType: 'host-gw' }],
];

for (const [what, attributes] of CHANGES) {
  test(`another ${what} on the same subnet is a change, by event and by snapshot`, () => {
    const base = snapshotOf(1, [leaseOf(A, 1)]);
    const changed = leaseOf(A, 2, attributes);
    for (const update of [batchOf(2, put(changed)), snapshotOf(2, [changed])]) {
      assert.deepEqual(reduceAll(base, update).changes, ['changed 10.5.1.0/24']);
    }
  });
}

test('a snapshot after an outage gives exactly the difference', () => {
  const C = parsePrefix('10.5.3.0/24');
  const D = parsePrefix('10.5.4.0/26');
  const { table, changes } = reduceAll(
    snapshotOf(9, [leaseOf(A, 1), leaseOf(B, 2), leaseOf(C, 3)], [rejectedAt('x')]),
    snapshotOf(20, [leaseOf(B, 15), leaseOf(C, 12, { publicIp: '1.1.1.2' }), leaseOf(D, 20)]),
  );
  assert.deepEqual(changes, ['removed 10.5.1.0/24', 'changed 10.5.3.0/24', 'added 10.5.4.0/26']);
  assert.deepEqual([table.revision, table.leases.size, table.rejected.size], [20, 3, 0]);
});

test('the same snapshot again, as after a second compaction, changes nothing', () => {
  const snapshot = snapshotOf(9, [leaseOf(A, 1), leaseOf(B, 2)]);
  assert.deepEqual(reduceAll(snapshot, snapshot).changes, []);
});

test('a snapshot of a lower revision counts: the store may have been restored from a backup', () => {
  const { table, changes } = reduceAll(
    snapshotOf(100, [leaseOf(A, 50), leaseOf(B, 90)]),
    snapshotOf(10, [leaseOf(A, 3)]),
    batchOf(11, put(leaseOf(B, 11))),
  );
  assert.deepEqual(changes, ['added 10.5.2.0/24']);
  assert.equal(table.revision, 11);
});

test('duplicates and stale events are harmless', () => {
  const base = snapshotOf(10, [leaseOf(A, 10)]);
  const stale = [
    batchOf(10, removal(A)),
    batchOf(9, put(leaseOf(A, 9, { publicIp: '9.9.9.9' }))),
    batchOf(11, put(leaseOf(A, 9, { publicIp: '9.9.9.9' })), put(leaseOf(B, 8))),
    batchOf(11, put(leaseOf(A, 10))),
    batchOf(11, removal(B)),
    batchOf(11),
  ];
  for (const update of stale) {
    const { table, changes } = reduceAll(base, update);
    assert.deepEqual(changes, []);
    assert.deepEqual([...table.leases.values()], [leaseOf(A, 10)]);
  }
});

test('an outage changes nothing', () => {
  const base = snapshotOf(10, [leaseOf(A, 10)]);
  const unavailable = fromStore({ type: 'unavailable', message: 'gone' });
  assert.deepEqual(reduceAll(base, unavailable), { ...reduceAll(base), changes: [] });
});

test('a lease that is overwritten with garbage is removed, and is back when it is mended', () => {
  const key = encodeSubnetKey(A);
  const base = snapshotOf(1, [leaseOf(A, 1)]);
  const broken = reduceAll(base, batchOf(2, rejection(key)));
  assert.deepEqual(broken.changes, ['removed 10.5.1.0/24']);
  assert.deepEqual([...broken.table.rejected.keys()], [key]);
  const mended = reduceAll(base, batchOf(2, rejection(key)), batchOf(3, put(leaseOf(A, 3))));
  assert.deepEqual(mended.changes, ['added 10.5.1.0/24']);
  assert.equal(mended.table.rejected.size, 0);
  const gone = reduceAll(base, batchOf(2, rejection(key)), batchOf(3, removal(A)));
  assert.deepEqual(gone.changes, []);
  assert.equal(gone.table.rejected.size, 0);
});

test('garbage under another key leaves the leases alone', () => {
  const base = snapshotOf(1, [leaseOf(A, 1)]);
  for (const key of ['hello', '10.5.1.7-24', '10.5.1.0-24&fd00:12:13::-56']) {
    assert.deepEqual(reduceAll(base, batchOf(2, rejection(key))).changes, []);
  }
});

test('events of one batch count in their order', () => {
  const { table, changes } = reduceAll(
    snapshotOf(1, [leaseOf(A, 1)]),
    batchOf(4, removal(A), put(leaseOf(A, 3, { publicIp: '2.2.2.2' })), put(leaseOf(B, 4))),
  );
  assert.deepEqual(changes, ['removed 10.5.1.0/24', 'added 10.5.1.0/24', 'added 10.5.2.0/24']);
  assert.equal(table.leases.get('10.5.1.0/24')?.attributes.publicIp, '2.2.2.2');
});

test('an earlier table stays as it was', () => {
  const { table: before } = reducePeers(emptyPeers(), snapshotOf(1, [leaseOf(A, 1)]));
  const copy = structuredClone(before);
  reducePeers(before, batchOf(2, removal(A), put(leaseOf(B, 2)), rejection('x')));
  reducePeers(before, snapshotOf(3, []));
  assert.deepEqual(before, copy);
});

test('10,000 leases: an event costs little', () => {
  const leases = Array.from({ length: 10_000 }, (_, index) =>
    leaseOf(prefixOf(0x0a00_0000 + index * 256, 24), index + 1),
  );
  let { table, changes } = reducePeers(emptyPeers(), snapshotOf(10_000, leases));
  assert.equal(changes.length, 10_000);
  const start = performance.now();
  for (let revision = 10_001; revision <= 10_100; revision += 1) {
    ({ table, changes } = reducePeers(table, batchOf(revision, put(leaseOf(A, revision)))));
  }
  const elapsedMs = (performance.now() - start) / 100;
  assert.ok(elapsedMs < 20, `took ${elapsedMs} ms an event`);
});
