/** A host that flanneld would have set up, beside hosts that tartan has set up, in one etcd. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  FLANNEL_DEVICE,
  flannelKey,
  putFlannelLease,
  removeFlannelLease,
} from '../../lab/baseline.ts';
import type { Host } from '../../lab/host.ts';
import { PATIENCE } from '../../lab/patience.ts';
import { waitFor } from '../../lab/ready.ts';
import { ping } from '../../lab/traffic.ts';
import type { WatchEvent } from '../../src/agent/events.ts';
import { readPeers } from '../../src/bpf/peer_maps.ts';
import { exchange } from './cases/carriage.ts';
import { countDuring, openMapsOf } from './meter.ts';
import { countable, createMixed, FLANNEL_SUBNET, type Mixed } from './mixed.ts';
import { join, memberOf } from './network.ts';
import { missing } from './requirements.ts';
import { buildTools, sendDatagrams, sendTcp } from './senders.ts';

const skip = await missing('etcd', 'etcdctl');

before(() => skip || buildTools());

/** Where all is slow, those that are telling. */
const SETUPS = (
  [
    { underlay: 'flat', isFast: false, isTelling: true },
    { underlay: 'routed', isFast: false, isTelling: false },
    { underlay: 'flat', isFast: true, isTelling: false },
    { underlay: 'routed', isFast: true, isTelling: false },
  ] as const
).filter(({ isTelling }) => PATIENCE === 1 || isTelling);

for (const { underlay, isFast } of SETUPS) {
  describe(`a flannel-style peer, ${underlay}${isFast ? ', FastPath' : ''}`, { skip }, () => {
    let mixed: Mixed;
    before(async () => {
      mixed = await createMixed({ name: 'flannelpeer', underlay }, { FastPath: isFast });
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

function peersOf(host: Host): string[] {
  using maps = openMapsOf(host);
  return [...readPeers(maps).keys()];
}
