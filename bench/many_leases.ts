/** A store with the leases of many hosts that are not there, and what is measured with them. */
import { readFileSync } from 'node:fs';
import { flannelKey } from '../lab/baseline.ts';
import type { Host } from '../lab/host.ts';
import type { Lab } from '../lab/lab.ts';
import type { Running } from '../lab/process.ts';
import { waitFor } from '../lab/ready.ts';
import { median } from '../src/bench/statistics.ts';
import { readPeers } from '../src/bpf/peer_maps.ts';
import type { Peer } from '../src/plan/dataplane.ts';
import { mapsOf, peer } from './peers.ts';

/** Operations in one etcd transaction: 128 at most by the server's default. */
const TRANSACTION = 120;

/** @param grant etcd's lease that all hang on, in hexadecimal; without it they never end */
export async function putMany(lab: Lab, count: number, grant = '0'): Promise<void> {
  for (let first = 0; first < count; first += TRANSACTION) {
    const some = Array.from({ length: Math.min(TRANSACTION, count - first) }, (_, i) =>
      peer(first + i),
    );
    // In double quotes: of what stands in single ones, etcdctl 3.4 takes as many characters as the line has words.
    const puts = some.map(
      (one) => `put --lease=${grant} ${flannelKey(one.subnet)} ${JSON.stringify(leaseOf(one))}`,
    );
    await lab.etcd?.ctl(['txn'], { input: `\n${puts.join('\n')}\n\n\n` });
  }
}

function leaseOf({ publicIp, mac }: Peer): string {
  const BackendData = { VNI: 1, VtepMAC: mac };
  return JSON.stringify({
    PublicIP: publicIp,
    PublicIPv6: null,
    BackendType: 'vxlan',
    BackendData,
  });
}

/** What is measured would not be of that many peers. */
export function requirePeers(host: Host, count: number): void {
  using maps = mapsOf(host);
  const found = readPeers(maps).size;
  if (found !== count) throw new Error(`${found} of ${count} peers are in the maps`);
}

/** Milliseconds, the median: from etcd's answer to the write until a peer is in the map. */
export async function timeNewPeers(
  lab: Lab,
  watch: Running,
  { first, count }: { readonly first: number; readonly count: number },
): Promise<number> {
  const times: number[] = [];
  for (let i = first; i < first + count; i++) {
    const { subnet } = peer(i);
    const endpoint = `--endpoints=${lab.etcd?.endpoint}`;
    await using put = lab
      .host('b')
      .start(['etcdctl', endpoint, 'put', flannelKey(subnet), leaseOf(peer(i))], {
        env: { ETCDCTL_API: '3' },
      });
    await waitFor('etcd says OK', () => put.stdout().includes('OK'), { everyMilliseconds: 1 });
    times.push(await timeUntilAdded(watch, lab.host('a'), subnet));
  }
  return median(times);
}

/** Milliseconds from now until `watch` tells of the peer; that it is in the map then is checked. */
export async function timeUntilAdded(watch: Running, host: Host, subnet: string): Promise<number> {
  const started = performance.now();
  await waitForEvent(watch, `"${subnet}"`);
  const elapsed = performance.now() - started;
  using maps = mapsOf(host);
  if (!readPeers(maps).has(subnet))
    throw new Error(`watch told of ${subnet}, and it is not in the map`);
  return elapsed;
}

export async function waitForEvent(watch: Running, text: string): Promise<void> {
  await waitFor(`watch prints ${text}`, () => watch.stdout().includes(text), {
    everyMilliseconds: 1,
    limitSeconds: 60,
  });
}

export interface CommandTime {
  readonly milliseconds: number;
  /** Of CPU, of its children too. */
  readonly cpuMilliseconds: number;
}

export async function timeCommand(host: Host, args: readonly string[]): Promise<CommandTime> {
  const script = 'TIMEFORMAT="%R %U %S"; time tartan "$@" > /dev/null';
  const { stderr } = await host.exec(['bash', '-c', script, 'tartan', ...args], {
    limitSeconds: 60,
  });
  const [real = 0, user = 0, system = 0] = (stderr.trim().split('\n').at(-1) ?? '')
    .split(' ')
    .map((seconds) => 1000 * Number(seconds));
  return { milliseconds: real, cpuMilliseconds: user + system };
}

export function residentMegabytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1000;
}

/** Ticks of a hundredth of a second: USER_HZ, which is the same everywhere (proc(5), utime and stime). */
const TICK_MS = 10;

/** CPU that a process has used so far. */
export function cpuMillisecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return TICK_MS * (Number(fields[11]) + Number(fields[12]));
}
