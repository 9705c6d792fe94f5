/** What happens between the store and the kernel: how soon a peer is there, and what ten thousand cost. */

import { readFileSync } from 'node:fs';
import { flannelKey } from '../lab/baseline.ts';
import type { Host } from '../lab/host.ts';
import { createLab, type Lab } from '../lab/lab.ts';
import type { Running } from '../lab/process.ts';
import { waitFor } from '../lab/ready.ts';
import { median } from '../src/bench/statistics.ts';
import { readPeers, removePeers, writePeers } from '../src/bpf/peer_maps.ts';
import { parsePrefix } from '../src/net/prefix.ts';
import type { Peer } from '../src/plan/dataplane.ts';
import { openFileStore } from '../src/store/file.ts';
import type { Figure } from './figures.ts';
import { manyPeers, mapsOf, peer, WIDE_CONFIG } from './peers.ts';

const MANY = 10_000;
/** Operations in one etcd transaction: 128 at most by the server's default. */
const TRANSACTION = 120;

export async function measureControl(repeats: number): Promise<Figure[]> {
  return [...(await measureWithFileStore(repeats)), ...(await measureWithEtcd(repeats))];
}

async function measureWithFileStore(repeats: number): Promise<Figure[]> {
  await using lab = await createLab({ name: 'benchctl', underlay: 'pair' });
  const host = await joinFirst(lab);
  const installed = installMany(host, repeats);

  const path = host.env.FLANNELD_STORE?.replace(/^file:/, '') ?? '';
  const store = await openFileStore({ path });
  await using watch = host.startTartan(['watch']);
  await waitForEvent(watch, '"synced"');
  const times: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const { subnet, publicIp, mac } = peer(i);
    const vxlan = { vni: 1, vtepMac: mac };
    const attributes = { publicIp, publicIpv6: null, backendType: 'vxlan', vxlan };
    await store.create(parsePrefix(subnet), attributes, 86_400);
    times.push(await timeUntilAdded(watch, host, subnet));
  }
  await store.close();
  return [
    figure(`${MANY} peers into the maps`, installed, 'ms', 100),
    figure('lease in the store → peer in the map, file store', median(times), 'ms', 20),
  ];
}

async function measureWithEtcd(repeats: number): Promise<Figure[]> {
  await using lab = await createLab({ name: 'benchctl', underlay: 'pair', store: 'etcd' });
  const host = await joinFirst(lab);
  await putMany(lab);
  const started = performance.now();
  await host.tartan(['join'], { limitSeconds: 60 });
  const joined = performance.now() - started;

  await using watch = host.startTartan(['watch']);
  await waitForEvent(watch, '"synced"');
  const times: number[] = [];
  for (let i = MANY; i < MANY + repeats; i++) {
    const { subnet } = peer(i);
    await using put = lab
      .host('b')
      .start(
        [
          ...[
            'etcdctl',
            `--endpoints=${lab.etcd?.endpoint}`,
            'put',
            flannelKey(subnet),
            leaseOf(peer(i)),
          ],
        ],
        { env: { ETCDCTL_API: '3' } },
      );
    await waitFor('etcd says OK', () => put.stdout().includes('OK'), { everyMilliseconds: 1 });
    times.push(await timeUntilAdded(watch, host, subnet));
  }
  return [
    figure(`join where ${MANY} peers are new, etcd, in all`, joined, 'ms', null),
    figure(`lease in the store → peer in the map, etcd, ${MANY} peers`, median(times), 'ms', 20),
    figure(`watch with ${MANY} peers, resident`, residentMegabytes(watch.pid), 'MB', 120),
  ];
}

async function joinFirst(lab: Lab): Promise<Host> {
  const host = lab.host('a');
  await host.tartan(['init-config', '-'], { input: JSON.stringify(WIDE_CONFIG) });
  await host.tartan(['join']);
  return host;
}

/** Milliseconds, the median; the peers are gone again afterwards. */
function installMany(host: Host, repeats: number): number {
  const peers = manyPeers(MANY);
  const times: number[] = [];
  for (let i = 0; i < repeats; i++) {
    using maps = mapsOf(host);
    const started = performance.now();
    writePeers(maps, peers);
    times.push(performance.now() - started);
    const found = readPeers(maps).size;
    if (found !== MANY) throw new Error(`${found} of ${MANY} peers are in the maps`);
    removePeers(
      maps,
      peers.map(({ subnet }) => subnet),
    );
  }
  return median(times);
}

/** Milliseconds from now until `watch` tells of the peer; that it is in the map then is checked. */
async function timeUntilAdded(watch: Running, host: Host, subnet: string): Promise<number> {
  const started = performance.now();
  await waitForEvent(watch, `"${subnet}"`);
  const elapsed = performance.now() - started;
  using maps = mapsOf(host);
  if (!readPeers(maps).has(subnet))
    throw new Error(`watch told of ${subnet}, and it is not in the map`);
  return elapsed;
}

async function waitForEvent(watch: Running, text: string): Promise<void> {
  await waitFor(`watch prints ${text}`, () => watch.stdout().includes(text), {
    everyMilliseconds: 1,
    limitSeconds: 60,
  });
}

async function putMany(lab: Lab): Promise<void> {
  for (let first = 0; first < MANY; first += TRANSACTION) {
    const count = Math.min(TRANSACTION, MANY - first);
    const puts = Array.from({ length: count }, (_, i) => peer(first + i)).map(
      (one) => `put ${flannelKey(one.subnet)} '${leaseOf(one)}'`,
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

function residentMegabytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1000;
}

function figure(what: string, value: number, unit: Figure['unit'], limit: number | null): Figure {
  return { what, value, unit, limit };
}
