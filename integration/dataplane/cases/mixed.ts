/** Hosts that carry packets by all the ways there are, and one as flanneld sets it up, in one network. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { gatewayOf, putFlannelValue } from '../../../lab/baseline.ts';
import type { Host } from '../../../lab/host.ts';
import { createLab, type Lab } from '../../../lab/lab.ts';
import type { LabOptions } from '../../../lab/options.ts';
import { mostTelling } from '../../../lab/patience.ts';
import { attachPods, type Pod } from '../../../lab/pod.ts';
import { ping, waitForPing } from '../../../lab/traffic.ts';
import { startUserRelay } from '../../../lab/user_relay.ts';
import type { Mode } from '../../../src/backend/contract.ts';
import type { Carrier } from '../../carriers/contract.ts';
import type { Flannel } from '../../carriers/flannel.ts';
import { FLANNEL_SUBNET, peerOf } from '../mixed.ts';
import { describeMember, join, type Member, makeEndpoints } from '../network.ts';
import { missing } from '../requirements.ts';
import { buildTools, sendDatagrams, sendTcp } from '../senders.ts';

/** What carries a host's packets; `endpoint`: programs, and its pod is an endpoint. */
type Kind = 'programs' | 'endpoint' | 'kernel' | 'user' | 'flannel';

export interface Mixture {
  /** What programs carry. */
  readonly carrier: Carrier;
  readonly flannel: Flannel;
  /** Of the hosts that tartan sets up: a, b, … */
  readonly kinds: readonly Exclude<Kind, 'flannel'>[];
  /** What `join` says where there are no programs. */
  readonly otherwise: { readonly dataplane: 'kernel' | 'user'; readonly mode: Mode };
}

interface End {
  readonly kind: Kind;
  readonly name: string;
  readonly host: Host;
  readonly pod: Pod;
  readonly overlayAddress: string;
}

interface Mixed {
  readonly lab: Lab;
  readonly ends: readonly End[];
}

const LEASE_SECONDS = 86_400;

const LABS = {
  flat: { underlay: 'flat' },
  routed: { underlay: 'routed' },
  'flat, wire': { underlay: 'flat', wire: true },
} as const satisfies Record<string, Partial<LabOptions>>;

const skip = await missing('etcd', 'etcdctl');

export function testMixed(mixture: Mixture, labs: readonly (keyof typeof LABS)[]): void {
  before(() => skip || buildTools());
  for (const lab of mostTelling(labs)) testIn(mixture, lab);
}

function testIn(mixture: Mixture, lab: keyof typeof LABS): void {
  const { carrier, flannel, kinds, otherwise } = mixture;
  const all = [...new Set([...kinds, 'flannel'])].join(', ');
  describe(`${all} in one network, ${carrier.name}, ${lab}`, { skip }, () => {
    let mixed: Mixed;
    before(async () => {
      mixed = await createMixed(mixture, LABS[lab]);
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
        const ends = `${from.kind} → ${to.kind}`;
        if (!done.has(ends)) await act(from, to);
        done.add(ends);
      });
    }
    const way = (from: End, to: End) => `${from.kind} ${from.name} → ${to.kind} ${to.name}`;

    it('join says what carries the packets', async () => {
      const peers = kinds.length;
      for (const { kind, host } of mixed.ends) {
        if (kind === 'flannel') continue;
        const mode = kind === otherwise.dataplane ? otherwise.mode : carrier.mode;
        assert.partialDeepStrictEqual(await join(host), { mode, peers, changed: false });
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
        const isSlow = [from, to].some(({ kind }) => kind === 'flannel');
        const count = Math.min(20, isSlow ? flannel.atOnce.fragmented : 20);
        const got = await sendDatagrams(from.pod, to.pod, { count, bytes: 20_000 });
        assert.deepEqual(got, { received: count, intact: count }, way(from, to));
      });
    });

    it('a host changes its mode and back: the others reach it all the while', async () => {
      const [changing, ...others] = mixed.ends;
      assert(changing);
      const { host, pod } = changing;
      for (const [dataplane, mode] of [
        [otherwise.dataplane, otherwise.mode],
        ['bpf', carrier.mode],
      ] as const) {
        const { stdout } = await host.tartan(['join', '--dataplane', dataplane]);
        assert.partialDeepStrictEqual(JSON.parse(stdout), {
          mode,
          changed: true,
          peers: kinds.length,
        });
        await using _ = mode === 'user' ? await startUserRelay(host) : undefined;
        for (const other of others) {
          assert.equal(await ping(other.pod, pod.address), 1, way(other, changing));
          assert.equal(await ping(pod, other.pod.address), 1, way(changing, other));
        }
      }
    });
  });
}

async function createMixed(mixture: Mixture, options: Partial<LabOptions>): Promise<Mixed> {
  const { carrier, flannel, kinds } = mixture;
  const lab = await createLab({
    ...{ name: 'mixed', hosts: kinds.length + 1, store: 'etcd' },
    ...{ kernelHosts: hostsThat(kinds, 'kernel'), userHosts: hostsThat(kinds, 'user') },
    ...options,
  });
  try {
    const { etcd, hosts } = lab;
    const [first, ours, other] = [hosts[0], hosts.slice(0, -1), hosts.at(-1)];
    const [pod] = other?.pods ?? [];
    assert(etcd && first && other && pod);
    await first.tartan(['init-config', '-'], { input: JSON.stringify(carrier.config) });
    const mtu = lab.options.mtu - carrier.overhead;
    const end = await flannel.setUp(other, FLANNEL_SUBNET, mtu);
    await attachPods(other, { gateway: gatewayOf(FLANNEL_SUBNET), mtu });
    await putFlannelValue(etcd, FLANNEL_SUBNET, flannel.leaseOf(end.peer), LEASE_SECONDS);
    await Promise.all(ours.map((host) => host.tartan(['join'])));
    await Promise.all(
      ours.map(async (host, index) => {
        await host.tartan(['join']);
        await attachPods(host);
        if (kinds[index] === 'endpoint') await makeEndpoints(host);
        if (kinds[index] === 'user') await startUserRelay(host);
      }),
    );
    const members = await Promise.all(ours.map((host) => describeMember(host, carrier)));
    await end.know(members.map(peerOf));
    const ends = [
      ...members.map((member, index) => endOf(member, kinds[index] ?? 'programs')),
      { kind: 'flannel', name: other.name, host: other, pod, overlayAddress: hostAt(carrier) },
    ] satisfies End[];
    const waits = ends.flatMap((from) => ends.map((to) => waitForPing(from.pod, to.pod.address)));
    await Promise.all(waits);
    return { lab, ends };
  } catch (error) {
    await lab.destroy();
    throw error;
  }
}

function hostsThat(kinds: Mixture['kinds'], wanted: Kind): string[] {
  return kinds.flatMap((kind, index) =>
    kind === wanted ? [String.fromCharCode('a'.charCodeAt(0) + index)] : [],
  );
}

function endOf({ name, host, pod, overlayAddress }: Member, kind: Kind): End {
  return { kind, name, host, pod, overlayAddress };
}

/** The address of flannel's host in the overlay. */
function hostAt({ device }: Carrier): string {
  return FLANNEL_SUBNET.replace('.0/24', device === null ? '.1' : '.0');
}
