/** What happens to a host that has joined, from outside: the next join puts it right. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Host } from '../../../lab/host.ts';
import { mostTelling } from '../../../lab/patience.ts';
import { attachPods } from '../../../lab/pod.ts';
import { waitFor } from '../../../lab/ready.ts';
import { ping } from '../../../lab/traffic.ts';
import { readPeers } from '../../../src/bpf/peer_maps.ts';
import type { Carrier } from '../../carriers/contract.ts';
import { exchange, tally } from '../../carriers/tally.ts';
import { countDuring, openMapsOf } from '../meter.ts';
import { createNetwork, join, type Member, type Network } from '../network.ts';
import { missing } from '../requirements.ts';

const skip = await missing();

type Underlay = 'flat' | 'routed';

export function testHealing(carrier: Carrier, underlays: readonly Underlay[]): void {
  for (const underlay of mostTelling(underlays)) testOn(carrier, underlay);
}

function testOn(carrier: Carrier, underlay: Underlay): void {
  describe(`healing, ${carrier.name}, ${underlay}`, { skip }, () => {
    let network: Network;
    before(async () => {
      network = await createNetwork({ name: 'healing', underlay }, carrier);
    });
    after(() => network?.lab.destroy());

    for (const [name, script] of carrier.damages) {
      it(`${name}: join heals it, a second join has nothing to do`, async () => {
        const { a } = network;
        await a.host.shell(script);
        await assertHealed(network, a);
      });
    }

    it(`the underlay down and up: ${carrier.tunnel ? 'nothing is to be done' : 'join brings the routes back'}`, async () => {
      const { a, lab } = network;
      await a.host.shell(`ip link set ${a.host.device} down
        ip link set ${a.host.device} up
        ${routesOf(lab.topology.nodes, 'a')}`);
      if (carrier.tunnel === null) await assertHealed(network, a);
      else await assertCarries(network);
    });

    it("the underlay's device made anew: join attaches to it", async () => {
      const { a, lab } = network;
      const cable = lab.topology.cables.find(({ ends }) => ends.some(({ node }) => node === 'a'));
      const [own, far] = cable?.ends ?? [];
      assert(cable && own && far);
      const farNode = lab.node(far.node);
      await a.host.shell(`
        ip link delete ${own.device}
        ip link add ${own.device} mtu ${cable.mtu} type veth peer ${far.device} mtu ${cable.mtu} netns ${farNode.namespace}
        ip address add ${own.address} dev ${own.device}
        ip link set ${own.device} up`);
      await farNode.shell(`
        ip link set ${far.device} up ${far.bridge ? `master ${far.bridge}` : ''}
        ${far.address ? `ip address add ${far.address} dev ${far.device}` : ''}`);
      await a.host.shell(routesOf(lab.topology.nodes, 'a'));
      await waitFor(
        'the underlay carries packets',
        async () => (await ping(a.host, network.b.host.address)) === 1,
      );
      await assertHealed(network, a);
    });

    it("the underlay's address changed: the lease and the peers follow", async () => {
      const { c, b, lab } = network;
      const address = c.host.address.replace(/\d+$/, '62');
      await c.host.shell(`
        ip address flush dev ${c.host.device}
        ip address add ${address}/24 dev ${c.host.device}
        ${routesOf(lab.topology.nodes, 'c')}`);
      const report = await join(c.host);
      assert.equal(report.publicIp, address);
      assert.equal(report.subnet === c.subnet, carrier.isKnownByMac ?? false);
      // Where the lease is another, the pods need other addresses.
      if (!carrier.isKnownByMac) await attachPods(c.host);
      await join(b.host);
      const held = (await peersOf(b.host)).filter(({ publicIp }) => publicIp === address);
      assert.deepEqual(held, [{ subnet: report.subnet, publicIp: address }]);
      assert.equal(await ping(b.pod, c.pod.address), 1);
      assert.equal(await ping(c.pod, b.pod.address), 1);
    });

    it('watch heals too, and follows a host that goes and comes', async () => {
      const { a, b } = network;
      await using watch = b.host.startTartan(['watch', '--reconcile-interval', '1']);
      await waitFor('watch is in step', () => watch.stdout().includes('"synced"'));
      await a.host.tartan(['teardown']);
      const isPeer = async (wanted: string) =>
        (await peersOf(b.host)).some(({ subnet }) => subnet === wanted);
      await waitFor('a is no peer', async () => !(await isPeer(a.subnet)));
      const { subnet } = await join(a.host);
      await waitFor('a is a peer', () => isPeer(subnet));
      for (const [name, script] of carrier.damages.slice(-1)) {
        await b.host.shell(script);
        await waitFor(`healed: ${name}`, async () => (await ping(a.host, b.pod.address)) === 1);
      }
    });

    /** The next join repairs the host, the one after finds nothing to do, and packets are carried and counted again. */
    async function assertHealed({ b, c }: Network, { host, subnet }: Member): Promise<void> {
      const report = await join(host);
      assert.partialDeepStrictEqual(report, { changed: true, subnet });
      assert.equal((await join(host)).changed, false);
      // A new MAC is news to the peers.
      await Promise.all([b, c].map((other) => join(other.host)));
      await assertCarries(network);
    }

    async function assertCarries({ a, b }: Network): Promise<void> {
      await waitFor('packets flow', async () => (await ping(a.pod, b.pod.address)) === 1);
      const counted = await countDuring(network, async () => {
        assert.equal(await ping(a.pod, b.pod.address, { count: 5 }), 5);
      });
      assert.deepEqual(counted, tally(carrier, exchange('a', 'b', 5)));
    }

    /** Whom packets are carried to. */
    async function peersOf(host: Host): Promise<{ subnet: string; publicIp: string }[]> {
      if (carrier.device === null) return await routedPeers(host);
      using maps = openMapsOf(host);
      return [...readPeers(maps).values()].map(({ subnet, publicIp }) => ({ subnet, publicIp }));
    }
  });
}

async function routedPeers(host: Host): Promise<{ subnet: string; publicIp: string }[]> {
  const { stdout } = await host.exec(['ip', '-json', 'route', 'show', 'proto', '116']);
  const routes = JSON.parse(stdout || '[]') as { dst: string; gateway: string }[];
  return routes.map(({ dst, gateway }) => ({ subnet: dst, publicIp: gateway }));
}

/** What brings back the routes that go with a node's device. */
function routesOf(nodes: Network['lab']['topology']['nodes'], name: string): string {
  const routes = nodes.find((node) => node.name === name)?.routes ?? [];
  return routes.map(({ destination, via }) => `ip route add ${destination} via ${via}`).join('\n');
}
