import { cpuOf } from './cpus.ts';
import type { Namespace } from './namespace.ts';
import type { Pod } from './pod.ts';
import { CommandError } from './process.ts';
import { waitFor } from './ready.ts';

export interface PingOptions {
  /** Default 1. */
  readonly count?: number;
  /** Bytes of ICMP payload; the packet is 28 bytes longer. */
  readonly size?: number;
  /** DF set: over the path MTU a packet is answered or lost. DF clear: fragmented. Default: as path MTU discovery has it. */
  readonly dontFragment?: boolean;
  /** For each answer; default 1. */
  readonly limitSeconds?: number;
}

/** How many of the pings were answered. */
export async function ping(
  from: Namespace,
  address: string,
  options: PingOptions = {},
): Promise<number> {
  const { count = 1, size, dontFragment, limitSeconds = 1 } = options;
  const { code, stdout, stderr } = await from.exec(
    [
      ...['ping', '-n', '-q', '-i', '0.05', '-c', `${count}`, '-W', `${limitSeconds}`],
      ...(size === undefined ? [] : ['-s', `${size}`]),
      ...(dontFragment === undefined ? [] : ['-M', dontFragment ? 'do' : 'dont']),
      address,
    ],
    { mayFail: true, limitSeconds: count * limitSeconds + 10 },
  );
  const answered = /(\d+) received/.exec(stdout)?.[1];
  if (answered !== undefined) return Number(answered);
  // "Network is unreachable" is an answer, too: nobody was reached.
  if (code !== 0 && /unreachable|message too long/i.test(stderr)) return 0;
  throw new CommandError(['ping', address], { code, stdout, stderr }, `exit ${code}`);
}

/** Waits until the first ping is answered: neighbours are resolved, routes are there. */
export async function waitForPing(from: Namespace, address: string): Promise<void> {
  await waitFor(
    `${from.namespace} reaches ${address}`,
    async () => (await ping(from, address)) === 1,
  );
}

/** From every pod (row) to every pod (column): whether a ping is answered. */
export async function pingMatrix(pods: readonly Pod[]): Promise<boolean[][]> {
  return await Promise.all(
    pods.map((from) => Promise.all(pods.map(async (to) => (await ping(from, to.address)) === 1))),
  );
}

export interface TcpOptions {
  /** Whole seconds, at least one: iperf3 drops what is behind the point, and takes 0 for no end. */
  readonly seconds: number;
  readonly streams?: number;
  /** Whole seconds at the start that do not count; default 0. */
  readonly omitSeconds?: number;
  /** Where the two ends run; default: each on the CPU that `spreadHosts` gives its host. */
  readonly cpus?: readonly [from: number, to: number];
}

/**
 * Bits a second that arrived in one iperf3 run; writes of 1 MB, so that the tail of a write is rare and the figure is
 * the path's, not the sender's.
 */
export async function tcpThroughput(from: Pod, to: Pod, options: TcpOptions): Promise<number> {
  const { seconds, streams = 1, omitSeconds = 0, cpus = [cpuOf(0), cpuOf(1)] } = options;
  if (!Number.isInteger(seconds) || seconds < 1 || !Number.isInteger(omitSeconds))
    throw new RangeError(`${seconds} s, ${omitSeconds} s left out: iperf3 takes whole seconds`);
  await using server = to.start(['iperf3', '-s', '-1', '--forceflush']);
  await waitFor(`iperf3 listens in ${to.name}`, () => server.stdout().includes('listening'));
  const { stdout } = await from.exec(
    [
      ...[
        'iperf3',
        '-c',
        to.address,
        '-t',
        `${seconds}`,
        '-O',
        `${omitSeconds}`,
        '-P',
        `${streams}`,
      ],
      ...['-C', 'cubic', '-l', '1M', '-A', cpus.join(',')],
      ...['-J', '--connect-timeout', '3000'],
    ],
    { limitSeconds: seconds + omitSeconds + 15 },
  );
  const report = JSON.parse(stdout) as {
    error?: string;
    end: { sum_received?: { bits_per_second: number } };
  };
  const rate = report.end.sum_received?.bits_per_second;
  if (rate === undefined)
    throw new Error(`iperf3 ${from.name} → ${to.name}: ${report.error ?? stdout}`);
  return rate;
}

/** `13.2 Gb/s` */
export function formatRate(bitsPerSecond: number): string {
  return `${(bitsPerSecond / 1e9).toFixed(1)} Gb/s`;
}
