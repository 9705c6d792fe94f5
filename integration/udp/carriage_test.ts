/** What udp carries, on underlays of each kind, between hosts that tartan has set up and one with flannel's relay. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { LabOptions } from '../../lab/options.ts';
import { PATIENCE } from '../../lab/patience.ts';
import { ping } from '../../lab/traffic.ts';
import { readCounters } from '../../src/bpf/counters.ts';
import { openMapsOf } from '../dataplane/meter.ts';
import type { Member } from '../dataplane/network.ts';
import { missing } from '../dataplane/requirements.ts';
import { buildTools, sendDatagrams, sendTcp } from '../dataplane/senders.ts';
import { createUdpNetwork, OVERHEAD, pairsOf, type UdpNetwork } from './network.ts';

const skip = await missing('etcd', 'etcdctl', 'cc');
const MEGABYTES = 20;

before(() => skip || buildTools());

type Row = Omit<LabOptions, 'name'> & {
  readonly title: string;
  readonly fastPath?: boolean;
  readonly isTelling?: boolean;
};

const ROWS: readonly Row[] = (
  [
    { title: 'on a veth', underlay: 'flat' },
    { title: 'on a wire', underlay: 'flat', wire: true },
    { title: 'on a routed wire of 9000', underlay: 'routed', wire: true, mtu: 9000 },
    { title: 'with a hop of 1400', underlay: 'routed', pathMtu: 1400 },
    { title: 'with FastPath on a veth', underlay: 'flat', fastPath: true, isTelling: true },
    { title: 'with FastPath on a wire', underlay: 'flat', wire: true, fastPath: true },
    { title: 'with FastPath and a hop of 1400', underlay: 'routed', pathMtu: 1400, fastPath: true },
  ] satisfies Row[]
).filter(({ isTelling }: Row) => PATIENCE === 1 || isTelling);

for (const { title, fastPath = false, ...options } of ROWS) {
  describe(`udp ${title}`, { skip }, () => {
    let network: UdpNetwork;
    before(async () => {
      network = await createUdpNetwork({ name: 'udpcarry', ...options }, fastPath);
    });
    after(() => network?.lab.destroy());

    it('pings up to the MTU, and not beyond it', async () => {
      const size = (options.mtu ?? 1500) - OVERHEAD - 28;
      for (const [from, to] of pairsOf(network)) {
        assert.equal(await ping(from, to.address, { count: 5 }), 5);
        // flanneld's socket sets DF, and so loses the first to learn of a narrow hop.
        const found = await ping(from, to.address, { size, count: 2, dontFragment: true });
        assert.ok(found >= (from === network.relay.pod || to === network.relay.pod ? 1 : 2));
        assert.equal(await ping(from, to.address, { size: size + 1, dontFragment: true }), 0);
      }
    });

    it('host addresses of the overlay', async () => {
      const { a, b, relay } = network;
      const far = relay.subnet.replace('/24', '');
      assert.equal(await ping(a.host, b.overlayAddress), 1);
      assert.equal(await ping(a.host, far), 1);
      assert.equal(await ping(relay.host, a.overlayAddress), 1);
    });

    it(`${MEGABYTES} MB of TCP`, async () => {
      for (const [from, to] of pairsOf(network)) {
        const { sent, received } = await sendTcp(
          from,
          to,
          { address: to.address, port: 9000 },
          MEGABYTES,
        );
        assert.deepEqual(received, sent, `${from.name} to ${to.name}`);
      }
    });

    it('datagrams of 20 kB, in fragments', async () => {
      for (const [from, to] of pairsOf(network)) {
        // flanneld's socket holds no more of them at once.
        const count = to === network.relay.pod ? 2 : 5;
        const found = await sendDatagrams(from, to, { count, bytes: 20_000 });
        assert.deepEqual(found, { received: count, intact: count }, `${from.name} to ${to.name}`);
      }
    });

    it('datagrams that UDP-GSO cuts', async () => {
      for (const [from, to] of pairsOf(network)) {
        const sent = { count: 40, bytes: 1200, segments: 20 };
        const found = await sendDatagrams(from, to, sent);
        assert.deepEqual(found, { received: 40, intact: 40 }, `${from.name} to ${to.name}`);
      }
    });

    it('what a pod routes on: encapsulated, decapsulated, encapsulated', async () => {
      const { a, b, relay } = network;
      await b.pod.shell(`
      echo 1 >/proc/sys/net/ipv4/ip_forward
      nft -f - <<'END'
table ip router {
  chain before { type nat hook prerouting priority dstnat; tcp dport 9002 dnat to ${a.pod.address}:9000; }
  chain again { type nat hook prerouting priority dstnat; tcp dport 9003 dnat to ${relay.pod.address}:9000; }
  chain after { type nat hook postrouting priority srcnat; masquerade; }
}
END`);
      const through = (port: number) => ({ address: b.pod.address, port });
      try {
        for (const [from, to, port] of [
          [relay.pod, a.pod, 9002],
          [a.pod, relay.pod, 9003],
        ] as const) {
          const { sent, received } = await sendTcp(from, to, through(port), MEGABYTES, 9000);
          assert.deepEqual(received, sent);
        }
      } finally {
        await b.pod.shell('nft delete table ip router; echo 0 >/proc/sys/net/ipv4/ip_forward');
      }
    });

    it('nothing was dropped', () => {
      for (const member of [network.a, network.b]) assert.deepEqual(dropsOf(member), {});
    });
  });
}

function dropsOf({ host }: Member): Record<string, number> {
  using maps = openMapsOf(host);
  const drops = Object.entries(readCounters(maps)).filter(
    ([name, count]) => name.startsWith('drop_') && count > 0,
  );
  return Object.fromEntries(drops);
}
