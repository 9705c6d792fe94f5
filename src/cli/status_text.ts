/** `tartan status` for people. */
import type { PeerStatus, StatusReport } from '../agent/status.ts';
import { formatBytes, formatDuration, printable } from './quantities.ts';
import { formatTable } from './table.ts';

const NONE = '-';
const UNKNOWN = 'not known now';

/** @param nowMs ms since the epoch */
export function statusText(report: StatusReport, nowMs: number): string {
  const { counters, peers } = report;
  const parts = [facts(report, nowMs).map(([name, value]) => `${name.padEnd(NAME_WIDTH)}${value}`)];
  if (peers.length > 0) parts.push([formatTable([HEAD, ...peers.map(peerRow)])]);
  const counted = Object.entries(counters ?? {});
  if (counted.length > 0) {
    parts.push([
      formatTable([['COUNTED', 'PACKETS'], ...counted.map(([name, n]) => [name, String(n)])]),
    ]);
  }
  const remarks = [
    ...report.problems.map((problem) => `problem: ${printable(problem)}`),
    ...report.notes.map((note) => `note: ${printable(note)}`),
  ];
  if (remarks.length > 0) parts.push(remarks);
  return parts.map((lines) => `${lines.join('\n')}\n`).join('\n');
}

const NAME_WIDTH = 10;

function facts(report: StatusReport, nowMs: number): [string, string][] {
  const { network, backend, mode, subnet, publicIp, interface: underlay, mtu, store } = report;
  return [
    [
      'network',
      `${network ?? UNKNOWN}, ${printable(backend)}${mode === null ? '' : ` in ${mode} mode`}`,
    ],
    ['subnet', `${subnet} as ${publicIp} over ${underlay}${mtu === null ? '' : `, MTU ${mtu}`}`],
    ['lease', leaseText(report, nowMs)],
    ['store', `${store.name}${store.reachable ? '' : ', which does not answer'}`],
    ['kernel', kernelText(report)],
    ['peers', String(report.peers.length)],
  ];
}

function leaseText({ reservation, leaseExpires }: StatusReport, nowMs: number): string {
  if (reservation === true) return 'a reservation, which never ends';
  if (leaseExpires === null) return UNKNOWN;
  return `ends in ${formatDuration(Date.parse(leaseExpires) - nowMs)}`;
}

function kernelText({ differences }: StatusReport): string {
  if (differences === null) return UNKNOWN;
  if (differences.length === 0) return 'as it should be';
  return differences.map((op) => JSON.stringify(op)).join(`\n${' '.repeat(NAME_WIDTH)}`);
}

const HEAD = ['PEER', 'PUBLIC IP', 'SENT', 'PACKETS', 'RECEIVED', 'PACKETS'];

function peerRow({ subnet, publicIp, traffic }: PeerStatus): string[] {
  const counted =
    traffic === null
      ? [NONE, NONE, NONE, NONE]
      : [
          formatBytes(traffic.sentBytes),
          String(traffic.sentPackets),
          formatBytes(traffic.receivedBytes),
          String(traffic.receivedPackets),
        ];
  return [subnet, publicIp ?? NONE, ...counted];
}
