/** A host that flanneld would have set up, beside hosts that tartan has set up, in one etcd. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  addFlannelDevice,
  addFlannelPeer,
  FLANNEL_DEVICE,
  type FlannelPeer,
  flannelKey,
  gatewayOf,
  putFlannelLease,
  removeFlannelLease,
} from '../../lab/baseline.ts';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab, NETWORK_CONFIG } from '../../lab/lab.ts';
import type { Underlay } from '../../lab/options.ts';
import { attachPods, type Pod } from '../../lab/pod.ts';
import { waitFor } from '../../lab/ready.ts';
import { ping } from '../../lab/traffic.ts';
import type { WatchEvent } from '../../src/agent/events.ts';
import { readPeers } from '../../src/bpf/peer_maps.ts';
import { exchange } from './cases/carriage.ts';
import { countDuring, type Metered, openMapsOf } from './meter.ts';
import {
  describeMember,
  FAST_CONFIG,
  join,
  type Member,
  makeEndpoints,
  memberOf,
} from './network.ts';
import { missing } from './requirements.ts';
import { buildTools, sendDatagrams, sendTcp } from './senders.ts';

const FLANNEL_SUBNET = '10.5.210.0/24';

interface Mixed {
  readonly lab: Lab;
  /** Set up by tartan. */
  readonly a: Member;
  readonly b: Member;
  /** Set up by hand, as flanneld does it. */
  readonly flannel: { readonly host: Host; readonly pod: Pod; readonly peer: FlannelPeer };
}

const skip = await missing('etcd', 'etcdctl');

before(() => skip || buildTools());

const SETUPS = [
  { underlay: 'flat', isFast: false },
  { underlay: 'routed', isFast: false },
  { underlay: 'flat', isFast: true },
  { underlay: 'routed', isFast: true },
] as const;

for (const { underlay, isFast } of SETUPS) {
  describe(`a flannel-style peer, ${underlay}${isFast ? ', FastPath' : ''}`, { skip }, () => {
    let mixed: Mixed;
    before(async () => {
      mixed = await createMixed(underlay, isFast);
    });
    after(() => mixed?.lab.destroy());

    it('tartan’s leases are byte for byte what flanneld would have written', async () => {
      const { lab, a, b } = mixed;
      for (const { subnet, host, vtepMac } of [a, b]) {
        const key = flannelKey(subnet);
        const { stdout } = (await lab.etcd?.ctl(['get', key, '--print-value-only'])) ?? {};
        assert.equal(
          stdout,
          `{"PublicIP":"${host.address}","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"${vtepMac}"}}\n`,
        );
      }
    });

    it('pings both ways, all sent and received by our programs', async () => {
      const { a, flannel } = mixed;
      const counted = await countDuring(countable(mixed), async () => {
        assert.equal(await ping(a.pod, flannel.pod.address, { count: 10 }), 10);
        assert.equal(await ping(flannel.pod, a.pod.address, { count: 10 }), 10);
      });
      assert.deepEqual(counted, { a: { sent: { flannel: 20 }, received: { flannel: 20 } } });
    });

    it('host addresses of the overlay, both ways', async () => {
      const { a, flannel } = mixed;
      const vtep = FLANNEL_SUBNET.replace('/24', '');
      assert.equal(await ping(a.host, vtep), 1);
      assert.equal(await ping(flannel.host, a.overlayAddress), 1);
      assert.equal(await ping(flannel.pod, a.overlayAddress), 1);
      assert.equal(await ping(a.pod, vtep), 1);
    });

    it('datagrams of 20 kB both ways', async () => {
      const { b, flannel } = mixed;
      const sent = { count: 50, bytes: 20_000 };
      const all = { received: 50, intact: 50 };
      assert.deepEqual(await sendDatagrams(b.pod, flannel.pod, sent), all);
      assert.deepEqual(await sendDatagrams(flannel.pod, b.pod, sent), all);
    });

    it('50 MB of TCP both ways', async () => {
      const { a, flannel } = mixed;
      for (const [from, to] of [
        [a.pod, flannel.pod],
        [flannel.pod, a.pod],
      ] as const) {
        const { sent, received } = await sendTcp(from, to, { address: to.address, port: 9000 }, 50);
        assert.deepEqual(received, sent);
      }
    });

    it('UDP-GSO both ways', async () => {
      const { a, flannel } = mixed;
      const sent = { count: 2000, bytes: 1400, segments: 40 };
      const all = { received: 2000, intact: 2000 };
      assert.deepEqual(await sendDatagrams(a.pod, flannel.pod, sent), all);
      assert.deepEqual(await sendDatagrams(flannel.pod, a.pod, sent), all);
    });

    it('its lease going and coming back is followed by join', async () => {
      const { lab, a, flannel } = mixed;
      assert(lab.etcd);
      await removeFlannelLease(lab.etcd, FLANNEL_SUBNET);
      assert.equal((await join(a.host)).peers, 1);
      assert(!peersOf(a.host).includes(FLANNEL_SUBNET));
      assert.equal(await ping(a.pod, flannel.pod.address), 0);
      assert.equal(await ping(flannel.pod, a.pod.address), 0, 'a stranger now');
      await putFlannelLease(lab.etcd, flannel.peer);
      assert.equal((await join(a.host)).peers, 2);
      assert.equal(await ping(a.pod, flannel.pod.address), 1);
    });

    it('and by watch', async () => {
      const { lab, b, flannel } = mixed;
      assert(lab.etcd);
      await using watch = b.host.startTartan(['watch']);
      const events = () =>
        watch
          .stdout()
          .trim()
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line) as WatchEvent);
      const seen = (type: string) =>
        waitFor(`watch says ${type}`, () => events().find((event) => event.type === type), {
          limitSeconds: 5,
        });
      await seen('synced');
      await removeFlannelLease(lab.etcd, FLANNEL_SUBNET);
      const detail = { subnet: FLANNEL_SUBNET, publicIp: flannel.host.address };
      assert.partialDeepStrictEqual(await seen('removed'), detail);
      assert(!peersOf(b.host).includes(FLANNEL_SUBNET));
      await putFlannelLease(lab.etcd, flannel.peer);
      assert.partialDeepStrictEqual(await seen('added'), detail);
      assert(peersOf(b.host).includes(FLANNEL_SUBNET));
      assert.equal(await ping(b.pod, flannel.pod.address), 1);
      const { code } = await watch.stop();
      assert.equal(code, 0);
      assert.equal(await ping(b.pod, flannel.pod.address), 1, 'without watch');
      assert.deepEqual(
        events().map(({ type }) => type),
        ['synced', 'removed', 'added'],
      );
    });

    it('its device is taken over: the MAC and the subnet stay, its routes and entries go', async () => {
      const { a, b, flannel } = mixed;
      const { host, peer, pod } = flannel;
      const report = await join(host);
      assert.partialDeepStrictEqual(report, {
        subnet: FLANNEL_SUBNET,
        mode: isFast ? 'fastpath' : 'default',
        peers: 2,
      });
      const member = await memberOf(host, report);
      assert.equal(member.vtepMac, peer.vtepMac);
      const { stdout } = await host.exec(['ip', '-4', 'route', 'show', 'dev', FLANNEL_DEVICE]);
      for (const { overlayAddress } of [a, b]) {
        assert(!stdout.includes(`via ${overlayAddress}`), stdout);
      }
      const neighbours = await host.exec(['ip', 'neigh', 'show', 'dev', FLANNEL_DEVICE]);
      assert.equal(neighbours.stdout, '');
      const members = [a, b, member];
      const counted = await countDuring({ members }, async () => {
        assert.equal(await ping(a.pod, pod.address, { count: 5 }), 5);
      });
      assert.deepEqual(counted, exchange('a', 'c', 5));
    });
  });
}

async function createMixed(underlay: Underlay, isFast: boolean): Promise<Mixed> {
  const lab = await createLab({ name: 'flannelpeer', underlay, store: 'etcd' });
  try {
    const [a, b, host] = lab.hosts;
    const [pod] = host?.pods ?? [];
    assert(a && b && host && pod && lab.etcd);
    await a.tartan(['init-config', '-'], {
      input: JSON.stringify(isFast ? FAST_CONFIG : NETWORK_CONFIG),
    });
    const mtu = lab.options.mtu - 50;
    const peer = await addFlannelDevice(host, { subnet: FLANNEL_SUBNET, mtu });
    await attachPods(host, { gateway: gatewayOf(peer.subnet), mtu });
    await putFlannelLease(lab.etcd, peer);
    await Promise.all([a.tartan(['join']), b.tartan(['join'])]);
    await Promise.all(
      [a, b].map((joined) => joined.tartan(['join']).then(() => attachPods(joined))),
    );
    if (isFast) await Promise.all([a, b].map(makeEndpoints));
    const [memberA, memberB] = await Promise.all([describeMember(a), describeMember(b)]);
    for (const {
      subnet,
      host: { address },
      vtepMac,
    } of [memberA, memberB]) {
      await addFlannelPeer(host, { subnet, publicIp: address, vtepMac });
    }
    return { lab, a: memberA, b: memberB, flannel: { host, pod, peer } };
  } catch (error) {
    await lab.destroy();
    throw error;
  }
}

/** The hosts whose programs count, and the one that is counted for. */
function countable({ a, b }: Mixed): Metered {
  return { members: [a, b], others: [{ name: 'flannel', subnet: FLANNEL_SUBNET }] };
}

function peersOf(host: Host): string[] {
  using maps = openMapsOf(host);
  return [...readPeers(maps).keys()];
}
