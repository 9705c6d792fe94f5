/** Many nodes that want a lease at once, and what thousands of leases cost one that has it. */
import { setTimeout as delay } from 'node:timers/promises';
import { joinAtOnce } from '../lab/crowd.ts';
import type { Host } from '../lab/host.ts';
import { createLab, type Lab } from '../lab/lab.ts';
import { folderOf, namespacePath } from '../lab/names.ts';
import type { StoreKind } from '../lab/options.ts';
import { type Figure, figure } from './figures.ts';
import {
  cpuMillisecondsOf,
  putMany,
  requirePeers,
  residentMegabytes,
  timeCommand,
  timeNewPeers,
  waitForEvent,
} from './many_leases.ts';
import { WIDE_CONFIG } from './peers.ts';

const LEASES = 5_000;
const CROWDS = { etcd: { nodes: 1_000, limit: 30_000 }, file: { nodes: 100, limit: 5_000 } };
/** More would only wait for each other on few CPUs. */
const PROCESSES = 4;
/** Several looks: by default one every ten seconds. */
const IDLE_MS = 60_000;

export async function measureLeases(repeats: number): Promise<Figure[]> {
  return [
    ...(await measureCrowd('file')),
    ...(await measureCrowd('etcd')),
    ...(await measureServedCrowd('file')),
    ...(await measureServedCrowd('etcd')),
    ...(await measureThousands(repeats)),
  ];
}

async function measureCrowd(store: StoreKind): Promise<Figure[]> {
  const { nodes, limit } = CROWDS[store];
  await using lab = await createLab({ name: 'benchcrowd', hosts: 1, pods: 0, store });
  const host = lab.host('a');
  await initConfig(lab);
  const spec = lab.etcd
    ? `etcd:${lab.etcd.endpoint},/coreos.com/network`
    : `file:${folderOf(lab.name)}/store.db`;
  // The lab is there until then.
  return await timeCrowd(host, { spec, nodes, limit, where: store });
}

const SERVED = { nodes: 100, limit: 5_000 };
const SERVED_AT = '127.0.0.1:8889';

/** The same through `tartan serve`. */
export async function measureServedCrowd(store: StoreKind): Promise<Figure[]> {
  await using lab = await createLab({ name: 'benchserved', hosts: 1, pods: 0, store });
  const host = lab.host('a');
  await initConfig(lab);
  // All of them have one address here.
  const forAll = ['--authorize', 'none', '--max-connections-per-address', '1000'];
  await using serving = host.startTartan(['serve', '--listen', SERVED_AT, ...forAll], {});
  await waitForEvent(serving, '"listening"');
  const where = `http in front of ${store}`;
  // The lab is there until then.
  return await timeCrowd(host, { ...SERVED, spec: `http:${SERVED_AT}`, where });
}

interface CrowdAt {
  readonly spec: string;
  readonly nodes: number;
  /** In ms. */
  readonly limit: number;
  readonly where: string;
}

async function timeCrowd(host: Host, { spec, nodes, limit, where }: CrowdAt): Promise<Figure[]> {
  const enter = ['nsenter', `--net=${namespacePath(host.namespace)}`, '--'];
  const { joined, milliseconds } = await joinAtOnce({ spec, nodes, processes: PROCESSES, enter });
  const subnets = new Set(joined.map(({ subnet }) => subnet));
  subnets.delete(null);
  const what = `${nodes} nodes take a lease at once, ${where}`;
  return [
    figure(`${what}, in all`, milliseconds, 'ms', limit),
    figure(`${what}: without one of their own`, nodes - subnets.size, 'nodes', 0),
  ];
}

export async function measureThousands(repeats: number): Promise<Figure[]> {
  await using lab = await createLab({ name: 'benchmany', hosts: 2, pods: 0, store: 'etcd' });
  const host = lab.host('a');
  await initConfig(lab);
  await putMany(lab, LEASES, await grantOf(lab));
  const joined = await timeCommand(host, ['join']);
  requirePeers(host, LEASES);
  const again = await timeCommand(host, ['join']);
  const listed = await timeCommand(host, ['lease', 'list']);

  await using watch = host.startTartan(['watch']);
  await waitForEvent(watch, '"synced"');
  const latency = await timeNewPeers(lab, watch, { first: LEASES, count: repeats });
  const before = cpuMillisecondsOf(watch.pid);
  await delay(IDLE_MS);
  const idle = (100 * (cpuMillisecondsOf(watch.pid) - before)) / IDLE_MS;
  const where = `${LEASES} leases, etcd`;
  return [
    figure(`join of a host that is new, ${where}`, joined.milliseconds, 'ms', 1_500),
    figure('the same, CPU', joined.cpuMilliseconds, 'ms', null),
    figure(`join again, ${where}`, again.milliseconds, 'ms', null),
    figure(`lease list, ${where}`, listed.milliseconds, 'ms', null),
    figure('the same, CPU', listed.cpuMilliseconds, 'ms', null),
    figure(`lease in the store → peer in the map, ${where}`, latency, 'ms', 50),
    figure(`watch, ${where}, resident`, residentMegabytes(watch.pid), 'MB', 120),
    figure(`watch, ${where}, idle`, idle, '% of a core', 1),
  ];
}

/** One etcd lease for all: what is asked of etcd for each is the same. */
async function grantOf(lab: Lab): Promise<string> {
  const granted = await lab.etcd?.ctl(['lease', 'grant', '86400']);
  return /lease (\S+) granted/.exec(granted?.stdout ?? '')?.[1] ?? '0';
}

async function initConfig(lab: Lab): Promise<void> {
  await lab.host('a').tartan(['init-config', '-'], { input: JSON.stringify(WIDE_CONFIG) });
}
