/** What happens between the store and the kernel: how soon a peer is there, and what ten thousand cost. */

import type { Host } from '../lab/host.ts';
import { createLab, type Lab } from '../lab/lab.ts';
import { median } from '../src/bench/statistics.ts';
import { removePeers, writePeers } from '../src/bpf/peer_maps.ts';
import { parsePrefix } from '../src/net/prefix.ts';
import { openFileStore } from '../src/store/file.ts';
import { type Figure, figure } from './figures.ts';
import {
  putMany,
  requirePeers,
  residentMegabytes,
  timeCommand,
  timeNewPeers,
  timeUntilAdded,
  waitForEvent,
} from './many_leases.ts';
import { manyPeers, mapsOf, peer, WIDE_CONFIG } from './peers.ts';

const MANY = 10_000;

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
  await putMany(lab, MANY);
  const joined = await timeCommand(host, ['join']);
  requirePeers(host, MANY);

  await using watch = host.startTartan(['watch']);
  await waitForEvent(watch, '"synced"');
  const latency = await timeNewPeers(lab, watch, { first: MANY, count: repeats });
  return [
    figure(`join where ${MANY} peers are new, etcd, in all`, joined.milliseconds, 'ms', null),
    figure(`lease in the store → peer in the map, etcd, ${MANY} peers`, latency, 'ms', 20),
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
    requirePeers(host, MANY);
    removePeers(
      maps,
      peers.map(({ subnet }) => subnet),
    );
  }
  return median(times);
}
