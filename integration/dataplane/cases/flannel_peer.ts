/** A host that flanneld would have set up, beside hosts that tartan has set up, in one etcd. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { flannelKey } from '../../../lab/baseline.ts';
import type { Host } from '../../../lab/host.ts';
import { PATIENCE } from '../../../lab/patience.ts';
import { waitFor } from '../../../lab/ready.ts';
import { ping } from '../../../lab/traffic.ts';
import type { WatchEvent } from '../../../src/agent/events.ts';
import { readPeers } from '../../../src/bpf/peer_maps.ts';
import { type Carrier, isFast } from '../../carriers/contract.ts';
import type { Flannel } from '../../carriers/flannel.ts';
import { beside, exchange, tally, times } from '../../carriers/tally.ts';
import { countDuring, openMapsOf } from '../meter.ts';
import { countable, createMixed, FLANNEL_SUBNET, type Mixed, peerOf } from '../mixed.ts';
import { join, makeEndpoints, memberOf } from '../network.ts';
import { missing } from '../requirements.ts';
import { buildTools, sendDatagrams, sendTcp } from '../senders.ts';

const skip = await missing('etcd', 'etcdctl');

/** @param isTelling also where all is slow */
export function testFlannelPeer(
  carrier: Carrier,
  flannel: Flannel,
  underlay: 'flat' | 'routed',
  isTelling = false,
): void {
  if (PATIENCE > 1 && !isTelling) return;
  // A peer is a route of its own.
  const isRouted = carrier.device === null || carrier.programs === null;
  before(() => skip || buildTools());
  const lacks = skip || carrier.missing || false;
  describe(`a flannel-style peer, ${carrier.name}, ${underlay}`, { skip: lacks }, () => {
    let mixed: Mixed;
    before(async () => {
      mixed = await createMixed({ name: 'flannelpeer', underlay }, carrier, flannel);
    });
    after(() => mixed?.lab.destroy());

    it('tartan’s leases are byte for byte what flanneld would have written', async () => {
      const { lab, a, b } = mixed;
      for (const member of [a, b]) {
        const key = flannelKey(member.subnet);
        const { stdout } = (await lab.etcd?.ctl(['get', key, '--print-value-only'])) ?? {};
        assert.equal(stdout, `${flannel.leaseOf(peerOf(member))}\n`);
      }
    });

    it('pings both ways, and all are counted where our programs see them', async () => {
      const { a, flannel: other } = mixed;
      const counted = await countDuring(countable(mixed), async () => {
        assert.equal(await ping(a.pod, other.pod.address, { count: 10 }), 10);
        assert.equal(await ping(other.pod, a.pod.address, { count: 10 }), 10);
      });
      const finished = flannel.isProcess ? times(20, carrier.programs?.toProcess) : {};
      const all = {
        a: { sent: { flannel: 20 }, received: { flannel: 20 }, ...beside(finished) },
      };
      assert.deepEqual(counted, tally(carrier, all));
    });

    it('host addresses of the overlay, both ways', async () => {
      const { a, flannel: other } = mixed;
      const first = carrier.device === null ? '.1' : '.0';
      const vtep = FLANNEL_SUBNET.replace('.0/24', first);
      assert.equal(await ping(a.host, vtep), 1);
      assert.equal(await ping(other.host, a.overlayAddress), 1);
      assert.equal(await ping(other.pod, a.overlayAddress), 1);
      assert.equal(await ping(a.pod, vtep), 1);
    });

    it('datagrams of 20 kB both ways', async () => {
      const { b, flannel: other } = mixed;
      const { fragmented: count } = flannel.atOnce;
      const sent = { count, bytes: 20_000 };
      const all = { received: count, intact: count };
      assert.deepEqual(await sendDatagrams(b.pod, other.pod, sent), all);
      assert.deepEqual(await sendDatagrams(other.pod, b.pod, sent), all);
    });

    it('50 MB of TCP both ways', async () => {
      const { a, flannel: other } = mixed;
      for (const [from, to] of [
        [a.pod, other.pod],
        [other.pod, a.pod],
      ] as const) {
        const { sent, received } = await sendTcp(from, to, { address: to.address, port: 9000 }, 50);
        assert.deepEqual(received, sent);
      }
    });

    it('UDP-GSO both ways', async () => {
      const { a, flannel: other } = mixed;
      const { segmented: count } = flannel.atOnce;
      const sent = { count, bytes: 1400, segments: 40 };
      const all = { received: count, intact: count };
      assert.deepEqual(await sendDatagrams(a.pod, other.pod, sent), all);
      assert.deepEqual(await sendDatagrams(other.pod, a.pod, sent), all);
    });

    it('its lease going and coming back is followed by join', async () => {
      const { a, flannel: other } = mixed;
      await other.removeLease();
      assert.equal((await join(a.host)).peers, 1);
      assert(!(await peersOf(a.host)).includes(FLANNEL_SUBNET));
      assert.equal(await ping(a.pod, other.pod.address), 0);
      assert.equal(await ping(other.pod, a.pod.address), 0, 'a stranger now');
      await other.putLease();
      assert.equal((await join(a.host)).peers, 2);
      assert.equal(await ping(a.pod, other.pod.address), 1);
    });

    it('and by watch', async () => {
      const { b, flannel: other } = mixed;
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
      await other.removeLease();
      const detail = { subnet: FLANNEL_SUBNET, publicIp: other.host.address };
      assert.partialDeepStrictEqual(await seen('removed'), detail);
      assert(!(await peersOf(b.host)).includes(FLANNEL_SUBNET));
      await other.putLease();
      assert.partialDeepStrictEqual(await seen('added'), detail);
      assert((await peersOf(b.host)).includes(FLANNEL_SUBNET));
      assert.equal(await ping(b.pod, other.pod.address), 1);
      const { code } = await watch.stop();
      assert.equal(code, 0);
      assert.equal(await ping(b.pod, other.pod.address), 1, 'without watch');
      const types = events().map(({ type }) => type);
      assert.deepEqual(types, ['synced', 'removed', 'added']);
    });

    it('is taken over: the subnet stays, what was made by hand goes', async () => {
      const { a, b, flannel: other } = mixed;
      const { host, end, pod } = other;
      await end.stop();
      const report = await join(host);
      assert.partialDeepStrictEqual(report, {
        subnet: FLANNEL_SUBNET,
        mode: carrier.mode,
        peers: 2,
      });
      await end.assertTakenOver(report);
      const member = await memberOf(host, report, carrier);
      assert.equal(member.vtepMac, end.peer.vtepMac || member.vtepMac);
      if (isFast(carrier)) await makeEndpoints(host);
      // Its MAC is learned from what it sends.
      assert.equal(await ping(pod, a.pod.address), 1);
      const members = [a, b, member];
      const counted = await countDuring({ carrier, members }, async () => {
        assert.equal(await ping(a.pod, pod.address, { count: 5 }), 5);
      });
      assert.deepEqual(counted, tally(carrier, exchange('a', 'c', 5)));
    });
  });

  /** Subnets of the peers that packets are carried to. */
  async function peersOf(host: Host): Promise<string[]> {
    if (isRouted) return await routesOf(host);
    using maps = openMapsOf(host);
    return [...readPeers(maps).keys()];
  }
}

async function routesOf(host: Host): Promise<string[]> {
  const { stdout } = await host.exec(['ip', '-json', 'route', 'show', 'proto', '116']);
  return (JSON.parse(stdout) as { dst: string }[]).map(({ dst }) => dst);
}
