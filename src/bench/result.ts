/** What was measured, and how it is told. */
import { PACKET_BYTES } from './packets.ts';
import type { RoundTrips } from './ping_pong.ts';
import { type Spread, spreadOf } from './statistics.ts';

export interface TcpSample {
  readonly streams: number;
  /** The sender's congestion control. */
  readonly congestion: string;
  readonly bitsPerSecond: number;
  readonly cpuSecondsPerGigabyte: { readonly sender: number; readonly receiver: number };
}

export interface Samples {
  readonly tcp: TcpSample[];
  readonly packets: { readonly sentPerSecond: number; readonly receivedPerSecond: number }[];
  readonly roundTrips: RoundTrips[];
}

export interface BenchResult {
  readonly address: string;
  readonly reverse: boolean;
  readonly seconds: number;
  readonly repeats: number;
  readonly tcp: readonly {
    readonly streams: number;
    readonly congestion: string;
    readonly bitsPerSecond: Spread;
    /** CPU time of each whole host, for each gigabyte that arrived. */
    readonly cpuSecondsPerGigabyte: { readonly sender: Spread; readonly receiver: Spread };
  }[];
  readonly packets: {
    readonly bytes: number;
    readonly sentPerSecond: Spread;
    readonly receivedPerSecond: Spread;
  };
  readonly roundTrip: {
    readonly medianMicroseconds: Spread;
    readonly p99Microseconds: Spread;
    readonly lost: number;
  };
}

/** More than can be measured. */
const SIGNIFICANT_DIGITS = 6;

export function summarize(
  settings: { address: string; reverse: boolean; seconds: number; repeats: number },
  { tcp, packets, roundTrips }: Samples,
): BenchResult {
  const { address, reverse, seconds, repeats } = settings;
  const spread = <T>(of: readonly T[], value: (one: T) => number) =>
    spreadOf(of.map((one) => Number(value(one).toPrecision(SIGNIFICANT_DIGITS))));
  const streamCounts = [...new Set(tcp.map(({ streams }) => streams))];
  return {
    address,
    reverse,
    seconds,
    repeats,
    tcp: streamCounts.map((streams) => {
      const runs = tcp.filter((run) => run.streams === streams);
      return {
        streams,
        congestion: runs[0]?.congestion ?? 'unknown',
        bitsPerSecond: spread(runs, (run) => run.bitsPerSecond),
        cpuSecondsPerGigabyte: {
          sender: spread(runs, (run) => run.cpuSecondsPerGigabyte.sender),
          receiver: spread(runs, (run) => run.cpuSecondsPerGigabyte.receiver),
        },
      };
    }),
    packets: {
      bytes: PACKET_BYTES,
      sentPerSecond: spread(packets, (run) => run.sentPerSecond),
      receivedPerSecond: spread(packets, (run) => run.receivedPerSecond),
    },
    roundTrip: {
      medianMicroseconds: spread(roundTrips, (run) => run.medianMicroseconds),
      p99Microseconds: spread(roundTrips, (run) => run.p99Microseconds),
      lost: roundTrips.reduce((sum, run) => sum + run.lost, 0),
    },
  };
}

/** Rows of a table for people; the first is the head. */
export function resultRows({ tcp, packets, roundTrip }: BenchResult): string[][] {
  const row = (what: string, { median, min, max }: Spread, unit: string, per = 1, digits = 2) => [
    what,
    `${(median / per).toFixed(digits)} ${unit}`,
    `${(min / per).toFixed(digits)} – ${(max / per).toFixed(digits)}`,
  ];
  const tcpRows = tcp.flatMap(({ streams, congestion, bitsPerSecond, cpuSecondsPerGigabyte }) => {
    const name = streams === 1 ? 'TCP, one stream' : `TCP, ${streams} streams`;
    return [
      row(`${name}, ${congestion}`, bitsPerSecond, 'Gb/s', 1e9),
      row('  CPU, sender', cpuSecondsPerGigabyte.sender, 's/GB', 1, 3),
      row('  CPU, receiver', cpuSecondsPerGigabyte.receiver, 's/GB', 1, 3),
    ];
  });
  return [
    ['', 'median', 'min – max'],
    ...tcpRows,
    row(`UDP, ${packets.bytes}-byte packets sent`, packets.sentPerSecond, 'Mpps', 1e6, 3),
    row('  received', packets.receivedPerSecond, 'Mpps', 1e6, 3),
    row('Round trip, median', roundTrip.medianMicroseconds, 'µs', 1, 1),
    row('  99 of 100 below', roundTrip.p99Microseconds, 'µs', 1, 1),
  ];
}
