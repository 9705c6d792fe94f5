/** Hosts with programs, hosts in kernel mode and a host as flanneld sets it up, all in one network. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  addFlannelDevice,
  addFlannelPeer,
  gatewayOf,
  putFlannelLease,
} from '../../lab/baseline.ts';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab, NETWORK_CONFIG } from '../../lab/lab.ts';
import type { LabOptions } from '../../lab/options.ts';
import { mostTelling } from '../../lab/patience.ts';
import { attachPods, type Pod } from '../../lab/pod.ts';
import { ping, waitForPing } from '../../lab/traffic.ts';
import { describeMember, join, type Member } from './network.ts';
import { missing } from './requirements.ts';
import { buildTools, sendDatagrams, sendTcp } from './senders.ts';

const FLANNEL_SUBNET = '10.5.210.0/24';

interface End {
  readonly kind: 'programs' | 'kernel' | 'flannel';
  readonly name: string;
  readonly host: Host;
  readonly pod: Pod;
  readonly overlayAddress: string;
}

interface Mixed {
  readonly lab: Lab;
  readonly ends: readonly End[];
}

const skip = await missing('etcd', 'etcdctl');

before(() => skip || buildTools());

const LABS: readonly (readonly [name: string, Partial<LabOptions>])[] = [
  ['flat', { underlay: 'flat' }],
  ['routed', { underlay: 'routed' }],
  ['flat, wire', { underlay: 'flat', wire: true }],
];

for (const [name, options] of mostTelling(LABS)) {
  describe(`programs, kernel mode and flannel in one network, ${name}`, { skip }, () => {
    let mixed: Mixed;
    before(async () => {
      mixed = await createMixed(options);
    });
    after(() => mixed?.lab.destroy());

    async function everyWay(act: (from: End, to: End) => Promise<void>): Promise<void> {
      for (const from of mixed.ends) {
        for (const to of mixed.ends) if (from !== to) await act(from, to);
      }
    }
    /** One way from each kind to each. */
    async function everyKindOfWay(act: (from: End, to: End) => Promise<void>): Promise<void> {
      const done = new Set<string>();
      await everyWay(async (from, to) => {
        const kinds = `${from.kind} → ${to.kind}`;
        if (!done.has(kinds)) await act(from, to);
        done.add(kinds);
      });
    }
    const way = (from: End, to: End) => `${from.kind} ${from.name} → ${to.kind} ${to.name}`;

    it('join says what carries the packets', async () => {
      for (const { kind, host } of mixed.ends) {
        if (kind === 'flannel') continue;
        const mode = kind === 'kernel' ? 'kernel' : 'default';
        assert.partialDeepStrictEqual(await join(host), { mode, peers: 4, changed: false });
      }
    });

    it('pings, pod to pod and to the host in the overlay', async () => {
      await everyWay(async (from, to) => {
        assert.equal(await ping(from.pod, to.pod.address, { count: 3 }), 3, way(from, to));
        assert.equal(await ping(from.pod, to.overlayAddress), 1, `${way(from, to)}, host`);
        assert.equal(await ping(from.host, to.pod.address), 1, `host, ${way(from, to)}`);
      });
    });

    it('TCP, 20 MB', async () => {
      await everyKindOfWay(async (from, to) => {
        const address = { address: to.pod.address, port: 9000 };
        const { sent, received } = await sendTcp(from.pod, to.pod, address, 20);
        assert.deepEqual(received, sent, way(from, to));
      });
    });

    it('datagrams of 20 kB', async () => {
      await everyWay(async (from, to) => {
        const got = await sendDatagrams(from.pod, to.pod, { count: 20, bytes: 20_000 });
        assert.deepEqual(got, { received: 20, intact: 20 }, way(from, to));
      });
    });

    it('a host changes its mode and back: the others reach it all the while', async () => {
      const [changing, ...others] = mixed.ends;
      assert(changing);
      for (const [option, mode] of [
        ['kernel', 'kernel'],
        ['bpf', 'default'],
      ]) {
        const { stdout } = await changing.host.tartan(['join', '--dataplane', `${option}`]);
        assert.partialDeepStrictEqual(JSON.parse(stdout), { mode, changed: true, peers: 4 });
        for (const other of others) {
          assert.equal(await ping(other.pod, changing.pod.address), 1, way(other, changing));
          assert.equal(await ping(changing.pod, other.pod.address), 1, way(changing, other));
        }
      }
    });
  });
}

/** a and b with programs, c and d in kernel mode, e as flanneld has it. */
async function createMixed(options: Partial<LabOptions>): Promise<Mixed> {
  const lab = await createLab({
    ...{ name: 'mixed', hosts: 5, store: 'etcd', kernelHosts: ['c', 'd'] },
    ...options,
  });
  try {
    const ours = lab.hosts.slice(0, 4);
    const flannel = lab.host('e');
    const [pod] = flannel.pods;
    assert(pod && lab.etcd);
    await lab.host('a').tartan(['init-config', '-'], { input: JSON.stringify(NETWORK_CONFIG) });
    const mtu = lab.options.mtu - 50;
    const peer = await addFlannelDevice(flannel, { subnet: FLANNEL_SUBNET, mtu });
    await attachPods(flannel, { gateway: gatewayOf(peer.subnet), mtu });
    await putFlannelLease(lab.etcd, peer);
    await Promise.all(ours.map((host) => host.tartan(['join'])));
    await Promise.all(ours.map((host) => host.tartan(['join']).then(() => attachPods(host))));
    const members = await Promise.all(ours.map((host) => describeMember(host)));
    for (const { subnet, host, vtepMac } of members) {
      await addFlannelPeer(flannel, { subnet, publicIp: host.address, vtepMac });
    }
    const ends = [...members.map((member) => endOf(lab, member)), flannelEnd(flannel, pod)];
    const waits = ends.flatMap((from) => ends.map((to) => waitForPing(from.pod, to.pod.address)));
    await Promise.all(waits);
    return { lab, ends };
  } catch (error) {
    await lab.destroy();
    throw error;
  }
}

function endOf(lab: Lab, { name, host, pod, overlayAddress }: Member): End {
  const kind = lab.options.kernelHosts.includes(name) ? 'kernel' : 'programs';
  return { kind, name, host, pod, overlayAddress };
}

function flannelEnd(host: Host, pod: Pod): End {
  const overlayAddress = FLANNEL_SUBNET.replace('/24', '');
  return { kind: 'flannel', name: host.name, host, pod, overlayAddress };
}
