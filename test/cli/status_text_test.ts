import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StatusReport } from '../../src/agent/status.ts';
import { statusText } from '../../src/cli/status_text.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');

const REPORT: StatusReport = {
  healthy: true,
  problems: [],
  notes: [],
  network: '10.5.0.0/16',
  subnet: '10.5.52.0/24',
  publicIp: '192.168.64.3',
  interface: 'eth0',
  backend: 'vxlan',
  mode: 'default',
  mtu: 1450,
  leaseExpires: '2026-01-01T23:59:30Z',
  reservation: false,
  differences: [],
  store: { name: 'etcd http://127.0.0.1:2379', reachable: true },
  peers: [],
  counters: {},
};
const TRAFFIC = { sentPackets: 3, sentBytes: 252, receivedPackets: 2000, receivedBytes: 2_900_000 };

test('a host that is as it should be', () => {
  const peers = [
    { subnet: '10.5.7.0/24', publicIp: '192.168.64.7', traffic: TRAFFIC },
    { subnet: '10.5.8.0/24', publicIp: null, traffic: null },
  ];
  const text = statusText({ ...REPORT, peers, counters: { drop_no_peer: 12 } }, NOW);
  assert.equal(
    text,
    `network   10.5.0.0/16, vxlan in default mode
subnet    10.5.52.0/24 as 192.168.64.3 over eth0, MTU 1450
lease     ends in 23 h 59 min
store     etcd http://127.0.0.1:2379
kernel    as it should be
peers     2

PEER         PUBLIC IP     SENT   PACKETS  RECEIVED  PACKETS
───────────  ────────────  ─────  ───────  ────────  ───────
10.5.7.0/24  192.168.64.7  252 B  3        2.90 MB   2000
10.5.8.0/24  -             -      -        -         -

COUNTED       PACKETS
────────────  ───────
drop_no_peer  12
`,
  );
});

test('one that is not, and one whose store is away', () => {
  const wrong: StatusReport = {
    ...REPORT,
    healthy: false,
    problems: ['the kernel is not as it should be: link.set\u001b[2J'],
    differences: [
      { op: 'link.set', name: 'flannel.1', up: true },
      { op: 'vni.add', device: 'flannel.1', vni: 1 },
    ],
    leaseExpires: null,
    reservation: true,
  };
  const text = statusText(wrong, NOW);
  assert(text.includes('lease     a reservation, which never ends\n'));
  assert(
    text.includes(`kernel    {"op":"link.set","name":"flannel.1","up":true}
          {"op":"vni.add","device":"flannel.1","vni":1}\n`),
  );
  assert(text.endsWith('\nproblem: the kernel is not as it should be: link.set\ufffd[2J\n'));

  const store = { ...REPORT.store, reachable: false };
  const away = { mode: null, mtu: null, leaseExpires: null, reservation: null, differences: null };
  const alone = statusText({ ...REPORT, ...away, store, counters: null, notes: ['no'] }, NOW);
  assert(alone.includes('network   10.5.0.0/16, vxlan\n'));
  assert(alone.includes('lease     not known now\n'));
  assert(alone.includes('store     etcd http://127.0.0.1:2379, which does not answer\n'));
  assert(alone.includes('kernel    not known now\n'));
  assert(alone.endsWith('\nnote: no\n'));
});

const PEER = { subnet: '10.5.7.0/24', publicIp: '192.168.64.7', traffic: TRAFFIC };
const IDLE = { subnet: '10.5.8.0/24', publicIp: '192.168.64.8', traffic: TRAFFIC };

test('a live screen has rates, and who has the most traffic first', () => {
  const before = { ...REPORT, peers: [IDLE, PEER], counters: { drop_no_peer: 2 } };
  const traffic = { ...TRAFFIC, sentPackets: 1003, sentBytes: 1_500_252 };
  const now = { ...REPORT, peers: [IDLE, { ...PEER, traffic }], counters: { drop_no_peer: 12 } };
  const text = statusText(now, NOW, { before, elapsedMs: 2000, rows: null });
  assert.deepEqual(text.split('\n').slice(7, 15), [
    'PEER         PUBLIC IP     SENT/S  PACKETS/S  RECEIVED/S  PACKETS/S  SENT     PACKETS  RECEIVED  PACKETS',
    '───────────  ────────────  ──────  ─────────  ──────────  ─────────  ───────  ───────  ────────  ───────',
    '10.5.7.0/24  192.168.64.7  750 kB  500        0 B         0          1.50 MB  1003     2.90 MB   2000',
    '10.5.8.0/24  192.168.64.8  0 B     0          0 B         0          252 B    3        2.90 MB   2000',
    '',
    'COUNTED       PACKETS  PACKETS/S',
    '────────────  ───────  ─────────',
    'drop_no_peer  12       5',
  ]);
});

test('and no rates where nothing is known of before, or other programs count now', () => {
  const peers = [PEER];
  const first = statusText({ ...REPORT, peers }, NOW, { before: null, elapsedMs: 1, rows: null });
  assert.match(first, /192\.168\.64\.7 +- +- +- +- +252 B/);
  const more = { ...PEER, traffic: { ...TRAFFIC, sentPackets: 9999 } };
  const before = { ...REPORT, peers: [more], counters: { drop_no_peer: 20 } };
  const now = { ...REPORT, peers, counters: { drop_no_peer: 1 } };
  const other = statusText(now, NOW, { before, elapsedMs: 1000, rows: null });
  assert.match(other, /192\.168\.64\.7 +- +- +- +- +252 B/);
  assert.match(other, /drop_no_peer +1 +-\n/);
});

test('a live screen has no more lines than there are, and says how many peers it leaves out', () => {
  const peers = Array.from({ length: 5000 }, (_, at) => ({ ...PEER, subnet: `10.5.${at}.0/24` }));
  const report = { ...REPORT, peers, counters: { drop_no_peer: 1 }, problems: ['one', 'two'] };
  for (const rows of [24, 50]) {
    const text = statusText(report, NOW, { before: null, elapsedMs: 1, rows });
    const lines = text.split('\n').length;
    assert(lines <= rows && lines > rows - 3, `${lines} of ${rows}`);
    assert.match(text, /… and 49\d\d more/);
    assert.match(text, /problem: two/);
  }
});
