import type { LeaseList, LeaseRow } from '../agent/lease_rows.ts';
import { formatDuration, printable } from './quantities.ts';

const HEAD = ['SUBNET', 'PUBLIC IP', 'BACKEND', 'VTEP MAC', 'EXPIRES IN', ''] as const;
const NONE = '-';

/**
 * `lease list` for people; the first row is the head.
 * @param nowMs ms since the epoch
 */
export function leaseRows({ leases, rejected }: LeaseList, nowMs: number): string[][] {
  const rows = [
    [...HEAD],
    ...leases.map((lease) => rowOf(lease, nowMs)),
    ...rejected.map(({ key, reason }) => [
      printable(key),
      ...[NONE, NONE, NONE, NONE],
      `no lease: ${printable(reason)}`,
    ]),
  ];
  const hasRemarks = rows.some((row) => row.at(-1) !== '');
  return hasRemarks ? rows : rows.map((row) => row.slice(0, -1));
}

function rowOf(lease: LeaseRow, nowMs: number): string[] {
  const { subnet, publicIp, backend, vtepMac, own } = lease;
  return [
    subnet,
    publicIp,
    printable(backend ?? NONE),
    vtepMac ?? NONE,
    endOf(lease, nowMs),
    own ? 'this host' : '',
  ];
}

function endOf({ reservation, leaseExpires }: LeaseRow, nowMs: number): string {
  if (reservation) return 'reservation';
  return leaseExpires === null ? NONE : formatDuration(Date.parse(leaseExpires) - nowMs);
}
