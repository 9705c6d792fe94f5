import { readFileSync } from 'node:fs';
import { cpuOf, gatherHosts, spreadHosts } from '../lab/cpus.ts';
import type { Lab } from '../lab/lab.ts';
import type { Pod } from '../lab/pod.ts';
import { waitFor } from '../lab/ready.ts';
import { tcpThroughput } from '../lab/traffic.ts';

/** Length of the inner IP packet in the packet-rate runs. */
export const SMALL_PACKET_BYTES = 64;

const UDP_FLOOD = `${import.meta.dirname}/../build/bench/udp_flood`;
const PORT = 9000;
const TICKS_PER_SECOND = 100;

export interface Tcp {
  readonly gigabitsPerSecond: number;
  /** CPU time that the whole machine spent, for each gigabyte that arrived. */
  readonly cpuSecondsPerGigabyte: number;
}

/**
 * One TCP stream, cubic, in writes of 1 MB; the first half second does not count. The CPUs are dealt out so that the lab
 * itself loses and reorders nothing: one for each host; but one for all in wire mode, where a ring between two CPUs
 * drops what a network card's queue would hold back.
 */
export async function measureTcp(lab: Lab, seconds: number): Promise<Tcp> {
  const [from, to] = bothPods(lab);
  const { wire } = lab.options;
  await (wire ? gatherHosts : spreadHosts)(lab.hosts);
  const cpus = wire ? ([cpuOf(1), cpuOf(1)] as const) : ([cpuOf(0), cpuOf(1)] as const);
  const busyBefore = busySeconds();
  const started = performance.now();
  const bitsPerSecond = await tcpThroughput(from, to, { seconds, omitSeconds: 0.5, cpus });
  const elapsedSeconds = (performance.now() - started) / 1000;
  const gigabytes = (bitsPerSecond * Math.min(seconds + 0.5, elapsedSeconds)) / 8e9;
  return {
    gigabitsPerSecond: bitsPerSecond / 1e9,
    cpuSecondsPerGigabyte: (busySeconds() - busyBefore) / gigabytes,
  };
}

/** Packets of 64 bytes a second that arrive when one core sends as fast as it can. */
export async function measurePackets(lab: Lab, seconds: number): Promise<number> {
  const [from, to] = bothPods(lab);
  await gatherHosts(lab.hosts);
  await using receiver = to.start([...onCpu(1), UDP_FLOOD, 'receive', `${PORT}`, `${seconds}`]);
  await waitFor('the receiver is ready', () => receiver.stderr().includes('ready'));
  await from.exec([
    ...[...onCpu(0), UDP_FLOOD, 'send', to.address, `${PORT}`, `${SMALL_PACKET_BYTES}`],
    `${seconds + 0.2}`,
  ]);
  const { code, stdout, stderr } = await receiver.ended;
  if (code !== 0) throw new Error(`udp_flood receive ended with ${code}: ${stderr}`);
  const report = JSON.parse(stdout) as { packets: number; seconds: number };
  return report.packets / seconds;
}

/** The whole path of a packet runs on the sender's CPU; the receiver's only empties the socket. */
function onCpu(cpu: 0 | 1): string[] {
  return ['taskset', '--cpu-list', `${cpuOf(cpu)}`];
}

function bothPods(lab: Lab): [Pod, Pod] {
  const [from, to] = lab.hosts.flatMap((host) => host.pods);
  if (!from || !to) throw new Error('two pods are needed');
  return [from, to];
}

/** CPU time of the whole machine since boot: user, nice, system, irq, softirq (proc(5)). */
export function busySeconds(): number {
  const fields = (readFileSync('/proc/stat', 'utf8').split('\n', 1)[0] ?? '')
    .split(/\s+/)
    .map(Number);
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = fields;
  return (user + nice + system + irq + softirq) / TICKS_PER_SECOND;
}
