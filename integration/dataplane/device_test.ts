/** What happens to a host that has joined, from outside: the next join puts it right. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { addFlannelDevice, randomMac } from '../../lab/baseline.ts';
import type { Host } from '../../lab/host.ts';
import { createLab, NETWORK_CONFIG } from '../../lab/lab.ts';
import { mostTelling } from '../../lab/patience.ts';
import { waitFor } from '../../lab/ready.ts';
import { ping } from '../../lab/traffic.ts';
import { readPeers } from '../../src/bpf/peer_maps.ts';
import type { Peer } from '../../src/plan/dataplane.ts';
import { exchange } from '../carriers/tally.ts';
import { countDuring, openMapsOf } from './meter.ts';
import { createNetwork, join, type Member, type Network } from './network.ts';
import { missing } from './requirements.ts';

const skip = await missing();

const DEVICE = 'flannel.1';

for (const underlay of mostTelling(['flat', 'routed'] as const)) {
  describe(`healing, ${underlay}`, { skip }, () => {
    let network: Network;
    before(async () => {
      network = await createNetwork({ name: 'healing', underlay });
    });
    after(() => network?.lab.destroy());

    for (const { name, script } of [
      { name: 'down and up', script: `ip link set ${DEVICE} down; ip link set ${DEVICE} up` },
      { name: 'down', script: `ip link set ${DEVICE} down` },
      { name: 'deleted', script: `ip link delete ${DEVICE}` },
      { name: 'with another MAC', script: `ip link set ${DEVICE} address ${randomMac()}` },
      { name: 'with another MTU', script: `ip link set ${DEVICE} mtu 1000` },
      { name: 'without its VNI', script: `bridge vni delete dev ${DEVICE} vni 1` },
      { name: 'without its address', script: `ip address flush dev ${DEVICE}` },
    ]) {
      it(`the overlay device ${name}: join heals it, a second join has nothing to do`, async () => {
        const { a } = network;
        await a.host.shell(script);
        await assertHealed(network, a);
      });
    }

    it('the underlay down and up: nothing is to be done', async () => {
      const { a, lab } = network;
      const plan = lab.topology.nodes.find(({ name }) => name === 'a');
      const routes = plan?.routes.map(
        ({ destination, via }) => `ip route add ${destination} via ${via}`,
      );
      await a.host.shell(`ip link set ${a.host.device} down
        ip link set ${a.host.device} up
        ${routes?.join('\n')}`);
      await assertCarries(network);
    });

    it("the underlay's device made anew: join attaches to it", async () => {
      const { a, lab } = network;
      const cable = lab.topology.cables.find(({ ends }) => ends.some(({ node }) => node === 'a'));
      const [own, far] = cable?.ends ?? [];
      const plan = lab.topology.nodes.find(({ name }) => name === 'a');
      assert(cable && own && far && plan);
      const farNode = lab.node(far.node);
      await a.host.shell(`
        ip link delete ${own.device}
        ip link add ${own.device} mtu ${cable.mtu} type veth peer ${far.device} mtu ${cable.mtu} netns ${farNode.namespace}
        ip address add ${own.address} dev ${own.device}
        ip link set ${own.device} up`);
      await farNode.shell(`
        ip link set ${far.device} up ${far.bridge ? `master ${far.bridge}` : ''}
        ${far.address ? `ip address add ${far.address} dev ${far.device}` : ''}`);
      for (const { destination, via } of plan.routes) {
        await a.host.exec(['ip', 'route', 'add', destination, 'via', via]);
      }
      await waitFor(
        'the underlay carries packets',
        async () => (await ping(a.host, network.b.host.address)) === 1,
      );
      await assertHealed(network, a);
    });

    it("the underlay's address changed: the lease and the peers follow", async () => {
      const { c, b, lab } = network;
      const address = c.host.address.replace(/\d+$/, '62');
      const plan = lab.topology.nodes.find(({ name }) => name === 'c');
      const [route] = plan?.routes ?? [];
      await c.host.shell(`
        ip address flush dev ${c.host.device}
        ip address add ${address}/24 dev ${c.host.device}
        ip route add ${route?.destination} via ${route?.via}`);
      const report = await join(c.host);
      assert.equal(report.publicIp, address);
      assert.equal(report.subnet, c.subnet, 'the pods keep their addresses');
      await join(b.host);
      const held = peersOf(b.host).filter(({ publicIp }) => publicIp === address);
      assert.deepEqual(
        held.map(({ subnet }) => subnet),
        [report.subnet],
      );
      assert.equal(await ping(b.pod, c.pod.address), 1);
      assert.equal(await ping(c.pod, b.pod.address), 1);
    });

    it('watch heals too, and puts a new host into the peer map', async () => {
      const { a, b } = network;
      await using watch = b.host.startTartan(['watch', '--reconcile-interval', '1']);
      await waitFor('watch is in step', () => watch.stdout().includes('"synced"'));
      await a.host.tartan(['teardown']);
      await waitFor(
        'a is no peer',
        () => !peersOf(b.host).some(({ subnet }) => subnet === a.subnet),
      );
      const { subnet } = await join(a.host);
      await waitFor('a is a peer', () => peersOf(b.host).some((peer) => peer.subnet === subnet));
      await b.host.exec(['ip', 'link', 'delete', DEVICE]);
      await waitFor('the device is back', async () => (await ping(a.host, b.pod.address)) === 1);
    });
  });
}

describe('a device of our name that is not ours', { skip }, () => {
  const foreign = [
    { name: 'a bridge', add: `link add ${DEVICE} type bridge`, says: 'bridge' },
    {
      name: 'a vxlan of another VNI',
      add: `link add ${DEVICE} type vxlan id 7 dstport 8472`,
      says: 'vxlan id 7 dstport 8472',
    },
    {
      name: 'a vxlan on another port',
      add: `link add ${DEVICE} type vxlan id 1 dstport 4789`,
      says: 'vxlan id 1 dstport 4789',
    },
  ];
  for (const { name, add, says } of foreign) {
    it(`${name}: refused by name, and left as it was; no lease is taken`, async () => {
      await using lab = await createLab({ name: 'foreign', hosts: 1 });
      const host = lab.host('a');
      await host.tartan(['init-config', '-'], { input: JSON.stringify(NETWORK_CONFIG) });
      await host.exec(['ip', ...add.split(' ')]);
      const show = async () => (await host.exec(['ip', '-d', 'link', 'show', DEVICE])).stdout;
      const before = await show();
      const { code, stdout } = await host.tartan(['join', '--json'], { mayFail: true });
      assert.equal(code, 1);
      const { error } = JSON.parse(stdout) as { error: { code: string; message: string } };
      assert.equal(error.code, 'DEVICE_FOREIGN');
      assert.match(error.message, new RegExp(`${DEVICE} .*${says}`));
      assert.equal(await show(), before);
      await host.exec(['ip', 'link', 'delete', DEVICE]);
      const report = await join(host);
      assert.equal(report.peers, 0, 'nobody, not even an earlier self');
    });
  }

  it("flanneld's own, up and with its entries, is replaced, and its MAC is the lease's", async () => {
    await using lab = await createLab({ name: 'foreign', hosts: 1 });
    const host = lab.host('a');
    await host.tartan(['init-config', '-'], { input: JSON.stringify(NETWORK_CONFIG) });
    const { vtepMac } = await addFlannelDevice(host, { subnet: '10.5.9.0/24', mtu: 1450 });
    await join(host);
    const { stdout } = await host.exec(['ip', '-d', 'link', 'show', DEVICE]);
    assert.match(stdout, new RegExp(`link/ether ${vtepMac} `));
    assert.match(stdout, /vxlan external .*vnifilter/);
  });
});

/** The next join repairs the host, the one after finds nothing to do, and packets are carried and counted again. */
async function assertHealed(network: Network, { host, subnet }: Member): Promise<void> {
  const report = await join(host);
  assert.partialDeepStrictEqual(report, { changed: true, subnet });
  assert.equal((await join(host)).changed, false);
  // A new MAC is news to the peers.
  await Promise.all([network.b, network.c].map((other) => join(other.host)));
  await assertCarries(network);
}

async function assertCarries(network: Network): Promise<void> {
  const { a, b } = network;
  await waitFor('packets flow', async () => (await ping(a.pod, b.pod.address)) === 1);
  const counted = await countDuring(network, async () => {
    assert.equal(await ping(a.pod, b.pod.address, { count: 5 }), 5);
  });
  assert.deepEqual(counted, exchange('a', 'b', 5));
}

function peersOf(host: Host): Peer[] {
  using maps = openMapsOf(host);
  return [...readPeers(maps).values()];
}
