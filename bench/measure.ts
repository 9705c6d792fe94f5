import { cpuOf, gatherHosts, spreadHosts } from '../lab/cpus.ts';
import type { Lab } from '../lab/lab.ts';
import type { Pod } from '../lab/pod.ts';
import { waitFor } from '../lab/ready.ts';
import { tcpThroughput } from '../lab/traffic.ts';
import { busySeconds } from '../src/bench/cpu_time.ts';

/** Length of the inner IP packet in the packet-rate and latency runs. */
export const SMALL_PACKET_BYTES = 64;

const TOOLS = `${import.meta.dirname}/../build/bench`;
const PORT = 9000;
const OMIT_SECONDS = 1;

/** A median of round trips is steady after less than this. */
const MOST_LATENCY_SECONDS = 1;

export interface Tcp {
  readonly gigabitsPerSecond: number;
  /** CPU time that the whole machine spent, for each gigabyte that arrived. */
  readonly cpuSecondsPerGigabyte: number;
}

/**
 * TCP, cubic, in writes of 1 MB; the first second does not count. The CPUs are dealt out so that the lab itself
 * loses and reorders nothing: one for each host; but one for all in wire mode, where a ring between two CPUs drops what
 * a network card's queue would hold back.
 */
export async function measureTcp(
  lab: Lab,
  settings: { seconds: number; streams: number },
): Promise<Tcp> {
  const { streams } = settings;
  // iperf3 knows no parts of seconds.
  const seconds = Math.max(1, Math.round(settings.seconds));
  const [from, to] = bothPods(lab);
  const { wire } = lab.options;
  await (wire ? gatherHosts : spreadHosts)(lab.hosts);
  const cpus = wire ? ([cpuOf(1), cpuOf(1)] as const) : ([cpuOf(0), cpuOf(1)] as const);
  const busyBefore = busySeconds();
  const started = performance.now();
  const options = { seconds, streams, omitSeconds: OMIT_SECONDS, cpus };
  const bitsPerSecond = await tcpThroughput(from, to, options);
  const elapsedSeconds = (performance.now() - started) / 1000;
  const gigabytes = (bitsPerSecond * Math.min(seconds + OMIT_SECONDS, elapsedSeconds)) / 8e9;
  return {
    gigabitsPerSecond: bitsPerSecond / 1e9,
    cpuSecondsPerGigabyte: (busySeconds() - busyBefore) / gigabytes,
  };
}

/**
 * Packets of 64 bytes a second that arrive when one core sends as fast as it can. The whole path of a packet runs on the
 * sender's CPU; the receiver's only empties the socket.
 */
export async function measurePackets(lab: Lab, seconds: number): Promise<number> {
  const [from, to] = bothPods(lab);
  await gatherHosts(lab.hosts);
  const receive = [`${TOOLS}/udp_flood`, 'receive', `${PORT}`, `${seconds}`];
  await using receiver = to.start([...onCpu(1), ...receive]);
  await waitFor('the receiver is ready', () => receiver.stderr().includes('ready'));
  await from.exec([
    ...[...onCpu(0), `${TOOLS}/udp_flood`, 'send', to.address, `${PORT}`],
    ...[`${SMALL_PACKET_BYTES}`, `${seconds + 0.2}`],
  ]);
  const { code, stdout, stderr } = await receiver.ended;
  if (code !== 0) throw new Error(`udp_flood receive ended with ${code}: ${stderr}`);
  const report = JSON.parse(stdout) as { packets: number };
  return report.packets / seconds;
}

export interface Latency {
  readonly medianMicroseconds: number;
  readonly p99Microseconds: number;
}

/** Round trips of one packet at a time, all of it on one core: no other one has to be woken. */
export async function measureLatency(lab: Lab, seconds: number): Promise<Latency> {
  const [from, to] = bothPods(lab);
  await gatherHosts(lab.hosts);
  await using answering = to.start([...onCpu(1), `${TOOLS}/udp_ping_pong`, 'answer', `${PORT}`]);
  await waitFor('the other end is ready', () => answering.stderr().includes('ready'));
  const { stdout } = await from.exec([
    ...[...onCpu(1), `${TOOLS}/udp_ping_pong`, 'ask', to.address, `${PORT}`],
    ...[`${SMALL_PACKET_BYTES}`, `${Math.min(seconds, MOST_LATENCY_SECONDS)}`],
  ]);
  const { median, p99 } = JSON.parse(stdout) as { median: number; p99: number };
  return { medianMicroseconds: median, p99Microseconds: p99 };
}

function onCpu(cpu: 0 | 1): string[] {
  return ['taskset', '--cpu-list', `${cpuOf(cpu)}`];
}

export function bothPods(lab: Lab): [Pod, Pod] {
  const [from, to] = lab.hosts.flatMap((host) => host.pods);
  if (!from || !to) throw new Error('two pods are needed');
  return [from, to];
}
