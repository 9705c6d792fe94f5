import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LeaseRow } from '../../src/agent/lease_rows.ts';
import { leaseRows } from '../../src/cli/lease_table.ts';
import { formatTable } from '../../src/cli/table.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');

const LEASE: LeaseRow = {
  subnet: '10.5.52.0/24',
  publicIp: '192.168.64.3',
  backend: 'vxlan',
  vtepMac: 'c6:d2:32:6f:8f:44',
  reservation: false,
  leaseExpires: '2026-01-01T23:59:30Z',
  own: true,
};

test('leases, reservations and what is neither', () => {
  const reservation = {
    ...LEASE,
    ...{ subnet: '10.5.7.0/24', publicIp: '192.168.64.44', backend: null, vtepMac: null },
    ...{ reservation: true, leaseExpires: null, own: false },
  };
  const rejected = [{ key: 'x\u001b[2J', subnet: null, reason: 'not JSON\u009b' }];
  const rows = leaseRows({ leases: [reservation, LEASE], rejected }, NOW);
  assert.equal(
    formatTable(rows),
    `
SUBNET        PUBLIC IP      BACKEND  VTEP MAC           EXPIRES IN
────────────  ─────────────  ───────  ─────────────────  ───────────  ───────────────────
10.5.7.0/24   192.168.64.44  -        -                  reservation
10.5.52.0/24  192.168.64.3   vxlan    c6:d2:32:6f:8f:44  23 h 59 min  this host
x\ufffd[2J         -              -        -                  -            no lease: not JSON\ufffd`.trimStart(),
  );
});

test('no column for remarks where there are none', () => {
  const rows = leaseRows({ leases: [{ ...LEASE, own: false }], rejected: [] }, NOW);
  assert.deepEqual(new Set(rows.map((row) => row.length)), new Set([5]));
});

const durations: readonly (readonly [milliseconds: number, shown: string])[] = [
  [86_400_000, '24 h 0 min'],
  [3_600_000, '1 h 0 min'],
  [3_599_999, '59 min 59 s'],
  [60_000, '1 min 0 s'],
  [59_999, '59 s'],
  [0, '0 s'],
  [-5_000, '0 s'],
];

for (const [milliseconds, shown] of durations) {
  test(`what ends in ${milliseconds} ms ends in ${shown}`, () => {
    const leaseExpires = new Date(NOW + milliseconds).toISOString();
    const [, row] = leaseRows({ leases: [{ ...LEASE, leaseExpires }], rejected: [] }, NOW);
    assert.equal(row?.[4], shown);
  });
}
