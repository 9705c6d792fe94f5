/** Every metric of a member but its traffic by peer: name, meaning, and where its values come from. */
import type { LeaseFigures, MemberFigures } from '../agent/figures.ts';
import type { Reading } from './reading.ts';

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Row {
  readonly name: `tartan_${string}`;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  /** Beside `network`, which each has. */
  readonly labels: readonly string[];
  samples(reading: Reading): readonly Sample[];
}

const bare = (value: number): Sample[] => [{ labels: {}, value }];
const truth = (isTrue: boolean) => bare(isTrue ? 1 : 0);

function gauge(
  name: Row['name'],
  help: string,
  read: (reading: Reading) => number | boolean | null,
): Row {
  const samples = (reading: Reading) => {
    const value = read(reading);
    if (value === null) return [];
    return typeof value === 'number' ? bare(value) : truth(value);
  };
  return { name, type: 'gauge', help, labels: [], samples };
}

/** @param counts by the value of the one label; null: nobody counts */
function counter(
  name: Row['name'],
  label: string,
  help: string,
  counts: (reading: Reading) => Iterable<readonly [string, number]> | null,
): Row {
  const samples = (reading: Reading) =>
    Array.from(counts(reading) ?? [], ([key, value]) => ({ labels: { [label]: key }, value }));
  return { name, type: 'counter', help, labels: [label], samples };
}

const ofLease =
  (read: (lease: LeaseFigures) => number) =>
  ({ figures }: Reading) =>
    figures?.lease ? read(figures.lease) : null;

const ofMember =
  (read: (figures: MemberFigures) => number | boolean) =>
  ({ figures }: Reading) =>
    figures && read(figures);

const opsOf = (which: 'applied' | 'failed' | 'retried') => (reading: Reading) =>
  Array.from(reading.tally.ops(), ([kind, counts]) => [kind, counts[which]] as const);

/** The programs' names of drops; what else they count is no loss. */
const DROP = /^drop_/;

const countersOf = (isDrop: boolean) => (reading: Reading) =>
  reading.traffic &&
  Object.entries(reading.traffic.counters).filter(([name]) => DROP.test(name) === isDrop);

export const ROWS: readonly Row[] = [
  gauge(
    'tartan_healthy',
    'Whether /healthz is good: looks at the kernel come to their end',
    ({ health }) => health.alive().good,
  ),
  gauge(
    'tartan_ready',
    'Whether /readyz is good: packets can flow',
    ({ health }) => health.ready().good,
  ),
  gauge(
    'tartan_lease_held',
    'Whether this host has a lease; absent before it has joined',
    ofMember(({ lease }) => lease !== null),
  ),
  {
    name: 'tartan_lease_info',
    type: 'gauge',
    help: 'The lease that is held, and how packets are carried: always 1',
    labels: ['subnet', 'public_ip', 'overlay', 'backend', 'mode', 'interface'],
    samples({ figures }) {
      if (!figures?.lease) return [];
      const { subnet, publicIp, overlay, backend, mode, interface: underlay } = figures.lease;
      const labels = { subnet, public_ip: publicIp, overlay, backend, mode, interface: underlay };
      return [{ labels, value: 1 }];
    },
  },
  gauge(
    'tartan_lease_age_seconds',
    'Since the lease was renewed last; of a reservation, since this process learnt of it',
    ofLease(({ ageSeconds }) => ageSeconds),
  ),
  gauge(
    'tartan_lease_expiry_timestamp_seconds',
    'When the lease ends unless it is renewed; +Inf for a reservation',
    ofLease(({ expiresAtSeconds }) => expiresAtSeconds),
  ),
  gauge(
    'tartan_store_reachable',
    'Whether the store has answered the last call to it',
    ({ tally }) => tally.contact().isReachable,
  ),
  gauge(
    'tartan_watch_lag_seconds',
    'Since the store has told or answered anything; it is asked at each --reconcile-interval',
    ({ tally }) => tally.contact().silentSeconds,
  ),
  gauge(
    'tartan_watch_revision',
    "The store's revision up to which leases are known",
    ofMember(({ revision }) => revision),
  ),
  gauge(
    'tartan_peers_desired',
    'Leases of other hosts in the store',
    ofMember(({ peersDesired }) => peersDesired),
  ),
  gauge(
    'tartan_peers_programmed',
    'Those of them that were found in the kernel',
    ofMember(({ peersProgrammed }) => peersProgrammed),
  ),
  gauge(
    'tartan_differences',
    'Steps that the kernel is away from what it should be',
    ofMember(({ differences }) => differences),
  ),
  counter('tartan_ops_applied_total', 'op', 'Steps taken in the kernel', opsOf('applied')),
  counter('tartan_ops_failed_total', 'op', 'Steps that the kernel refused', opsOf('failed')),
  counter(
    'tartan_ops_retried_total',
    'op',
    'Steps of a kind of which the last one had failed',
    opsOf('retried'),
  ),
  counter(
    'tartan_reconciles_total',
    'result',
    'Looks at the host and repairs of what was found: done, or failed',
    ({ tally }) => Object.entries(tally.looks()),
  ),
  counter('tartan_events_total', 'type', 'Events, as they are printed', ({ tally }) =>
    tally.events(),
  ),
  gauge(
    'tartan_traffic_counted',
    'Whether programs count the traffic here, and their counters can be read',
    ({ figures, traffic }) => figures && traffic !== null,
  ),
  counter('tartan_drops_total', 'reason', 'Packets that the programs dropped', countersOf(true)),
  counter(
    'tartan_detours_total',
    'reason',
    "Packets that the programs left to the kernel's device or the host's stack, and answers they sent",
    countersOf(false),
  ),
];
