/** `tartan status` for people: once, or on a screen that lives. */
import type { PeerStatus, StatusReport } from '../agent/status.ts';
import { formatBytes, formatDuration, printable } from './quantities.ts';
import { formatTable } from './table.ts';

type PeerTraffic = NonNullable<PeerStatus['traffic']>;

const NONE = '-';
const UNKNOWN = 'not known now';

/** What a screen shows beside the look itself. */
export interface Live {
  /** The look before; null: this is the first. */
  readonly before: StatusReport | null;
  /** Between the two, in ms. */
  readonly elapsedMs: number;
  /** Lines that the screen has; null: as many as it takes. */
  readonly rows: number | null;
}

/**
 * @param nowMs ms since the epoch
 * @param live shows rates, who has the most traffic first, and no more peers than there is room for
 */
export function statusText(report: StatusReport, nowMs: number, live?: Live): string {
  const above = facts(report, nowMs).map(([name, value]) => `${name.padEnd(NAME_WIDTH)}${value}`);
  const counted = countedTable(report, live);
  const remarks = [
    ...report.problems.map((problem) => `problem: ${printable(problem)}`),
    ...report.notes.map((note) => `note: ${printable(note)}`),
  ];
  const others = [above, counted, remarks].filter((lines) => lines.length > 0);
  // A line between two parts, the table's head, its rule, who is left out, and where the cursor stands.
  const taken = others.flat().join('\n').split('\n').length + others.length + 4;
  const room = live?.rows == null ? Number.POSITIVE_INFINITY : Math.max(1, live.rows - taken);
  const parts = [above, peerTable(report.peers, room, live), counted, remarks];
  return parts
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join('\n')}\n`)
    .join('\n');
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
/** A narrow terminal cuts the totals. */
const RATES = ['SENT/S', 'PACKETS/S', 'RECEIVED/S', 'PACKETS/S'];
const LIVE_HEAD = [...HEAD.slice(0, 2), ...RATES, ...HEAD.slice(2)];

function peerTable(peers: readonly PeerStatus[], room: number, live?: Live): string[] {
  if (peers.length === 0) return [];
  if (live === undefined) return [formatTable([HEAD, ...peers.map(peerRow)])];
  const rates = ratesOf(peers, live);
  const busiest = peers.toSorted((a, b) => busyness(rates.get(b)) - busyness(rates.get(a)));
  const shown = busiest.slice(0, room);
  const rows = shown.map((peer) => {
    const [name = '', publicIp = '', ...totals] = peerRow(peer);
    return [name, publicIp, ...trafficCells(rates.get(peer) ?? null), ...totals];
  });
  const more = peers.length - shown.length;
  return [formatTable([LIVE_HEAD, ...rows]), ...(more > 0 ? [`… and ${more} more`] : [])];
}

function peerRow(peer: PeerStatus): string[] {
  return [peer.subnet, peer.publicIp ?? NONE, ...trafficCells(peer.traffic)];
}

function trafficCells(traffic: PeerTraffic | null): string[] {
  if (traffic === null) return [NONE, NONE, NONE, NONE];
  const { sentBytes, sentPackets, receivedBytes, receivedPackets } = traffic;
  const whole = (number: number) => String(Math.round(number));
  return [
    formatBytes(Math.round(sentBytes)),
    whole(sentPackets),
    formatBytes(Math.round(receivedBytes)),
    whole(receivedPackets),
  ];
}

const busyness = (rate: PeerTraffic | null | undefined) =>
  rate == null ? -1 : rate.sentBytes + rate.receivedBytes;

/** A second; null: not known. A counter that has gone back is another one, of new programs. */
function ratesOf(
  peers: readonly PeerStatus[],
  { before, elapsedMs }: Live,
): ReadonlyMap<PeerStatus, PeerTraffic | null> {
  const earlier = new Map(before?.peers.map(({ subnet, traffic }) => [subnet, traffic]));
  return new Map(
    peers.map((peer) => {
      const [now, then] = [peer.traffic, earlier.get(peer.subnet) ?? null];
      if (now === null || then === null) return [peer, null];
      const rate = (name: keyof PeerTraffic) => ((now[name] - then[name]) * 1000) / elapsedMs;
      const rates = {
        sentPackets: rate('sentPackets'),
        sentBytes: rate('sentBytes'),
        receivedPackets: rate('receivedPackets'),
        receivedBytes: rate('receivedBytes'),
      };
      return [peer, Object.values(rates).some((one) => one < 0) ? null : rates];
    }),
  );
}

function countedTable({ counters }: StatusReport, live?: Live): string[] {
  const counted = Object.entries(counters ?? {});
  if (counted.length === 0) return [];
  const rows = counted.map(([name, n]) => [name, String(n)]);
  if (live === undefined) return [formatTable([['COUNTED', 'PACKETS'], ...rows])];
  const { before, elapsedMs } = live;
  const rateOf = ([name, n]: readonly [string, number]) => {
    const rate = ((n - (before?.counters?.[name] ?? 0)) * 1000) / elapsedMs;
    return before?.counters == null || rate < 0 ? NONE : String(Math.round(rate));
  };
  const withRates = rows.map((row, at) => [...row, rateOf(counted[at] as [string, number])]);
  return [formatTable([['COUNTED', 'PACKETS', 'PACKETS/S'], ...withRates])];
}
