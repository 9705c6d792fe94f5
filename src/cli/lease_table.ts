import type { LeaseList, LeaseRow } from '../agent/lease_rows.ts';

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

/** `23 h 59 min`, `4 min 10 s`, `9 s`; parts of a second count as none. */
function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const minutes = Math.floor(seconds / 60);
  if (minutes === 0) return `${seconds} s`;
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Whoever may write to the store must not be able to write to the terminal. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, '\ufffd');
}
