/**
 * A network of flanneld's hosts is taken over by tartan host by host, and given back, as docs/migrate.md has it: it is one
 * network all the while, every host keeps its subnet, and pods keep their addresses.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { flannelKey, gatewayOf, putFlannelValue, subnetOf } from '../../lab/baseline.ts';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { PATIENCE } from '../../lab/patience.ts';
import { type Pinging, startPinging } from '../../lab/pinging.ts';
import { attachPods, type Pod } from '../../lab/pod.ts';
import type { Running } from '../../lab/process.ts';
import { waitFor } from '../../lab/ready.ts';
import { waitForPing } from '../../lab/traffic.ts';
import type { Carrier } from '../carriers/contract.ts';
import type { Flannel, FlannelEnd, FlannelPeer } from '../carriers/flannel.ts';
import { FLANNEL_HOST_GW } from '../carriers/flannel_host_gw.ts';
import { FLANNEL_UDP } from '../carriers/flannel_udp.ts';
import { flannelVxlan } from '../carriers/flannel_vxlan.ts';
import { HOST_GW } from '../carriers/host_gw.ts';
import { UDP } from '../carriers/udp.ts';
import { VXLAN } from '../carriers/vxlan.ts';
import { missing } from '../dataplane/requirements.ts';
import { buildTools, sendTcp } from '../dataplane/senders.ts';
import { fingerprint } from './fingerprint.ts';

const skip = await missing('etcd', 'etcdctl');

const LEASE_SECONDS = 86_400;
const INTERVAL_MS = 10;

/** Between other hosts nothing may be lost; to the one that is moved, no more than its device's change takes. */
const MOST_LOST_MS = 3000 * PATIENCE;

const WAYS: readonly (readonly [Carrier, Flannel])[] = [
  [VXLAN, flannelVxlan()],
  [HOST_GW, FLANNEL_HOST_GW],
  [UDP, FLANNEL_UDP],
];

for (const [carrier, flannel] of WAYS) {
  describe(`from flanneld to tartan and back, ${carrier.name}`, { skip, concurrency: 1 }, () => {
    before(() => buildTools());
    testMigration(carrier, flannel);
  });
}

function testMigration(carrier: Carrier, flannel: Flannel): void {
  let lab: Lab;
  const ends = new Map<Host, FlannelEnd>();
  const runs = new Map<Host, Running>();
  before(async () => {
    lab = await createLab({ name: 'migration', hosts: 3, store: 'etcd' });
    const config = { ...carrier.config, Network: '10.5.0.0/16' };
    await lab.etcd?.ctl(['put', '/coreos.com/network/config'], { input: JSON.stringify(config) });
    const mtu = lab.options.mtu - carrier.overhead;
    for (const host of lab.hosts) await becomeFlannel(host, false);
    for (const host of lab.hosts) {
      await endOf(host).know(others(host));
      await attachPods(host, { gateway: gatewayOf(subnetOf(lab, host)), mtu });
    }
    await reachAll();
  });
  after(async () => {
    for (const running of runs.values()) await running.stop();
    for (const end of ends.values()) await end.stop();
    await lab?.destroy();
  });

  const endOf = (host: Host) => ends.get(host) ?? assert.fail(`no flanneld on ${host.name}`);
  const podOf = (host: Host): Pod => host.pods[0] ?? assert.fail();
  const names = (pairs: readonly Pair[]) =>
    pairs.map(({ from, to }) => `${from.name} → ${to.name}`);

  /** What flanneld reads of the others in etcd. */
  const known = new Map<Host, FlannelPeer>();
  const others = (host: Host) =>
    [...known].filter(([other]) => other !== host).map(([, peer]) => peer);

  async function becomeFlannel(host: Host, tell = true): Promise<void> {
    const mtu = lab.options.mtu - carrier.overhead;
    const subnet = subnetOf(lab, host);
    const end = await flannel.setUp(host, subnet, mtu);
    ends.set(host, end);
    known.set(host, end.peer);
    assert(lab.etcd);
    await putFlannelValue(lab.etcd, subnet, flannel.leaseOf(end.peer), LEASE_SECONDS);
    if (!tell) return;
    await end.know(others(host));
    // Other flannelds hear of a MAC that has changed.
    if (end.peer.vtepMac === '') return;
    for (const [other, theirs] of ends) if (other !== host) await theirs.know([end.peer]);
  }

  /** What `join` would do, beside a flanneld that runs: a TUN goes with its process, and nobody else takes it away. */
  async function preview(host: Host): Promise<void> {
    const { stdout, stderr } = await host.tartan(['join', '--dry-run'], { mayFail: true });
    if (flannel.isProcess) return assert.match(stderr, /flannel0 exists and is not ours: tun/);
    const { lease } = JSON.parse(stdout);
    assert.match(lease.action, /^(keep|renew)$/);
    assert.equal(lease.subnet, subnetOf(lab, host));
  }

  /** As the unit's change and its restart do it. */
  async function becomeTartan(host: Host): Promise<void> {
    await endOf(host).stop();
    ends.delete(host);
    const running = host.startTartan(['run', '--reconcile-interval', '1'], {});
    runs.set(host, running);
    await waitFor(`run on ${host.name} is in step`, () => {
      assert.doesNotMatch(running.stdout(), /"type":"error"/);
      return running.stdout().includes('"synced"');
    });
    const joined =
      running
        .stdout()
        .split('\n')
        .find((line) => line.includes('"joined"')) ?? '';
    assert.equal(JSON.parse(joined).subnet, subnetOf(lab, host));
  }

  async function leaveTartan(host: Host): Promise<void> {
    assert.equal((await runs.get(host)?.stop())?.code, 0);
    runs.delete(host);
    await host.tartan(['teardown', '--keep-lease']);
    const stored = await lab.etcd?.ctl([
      'get',
      flannelKey(subnetOf(lab, host)),
      '--print-value-only',
    ]);
    assert.match(stored?.stdout ?? '', new RegExp(`"PublicIP":"${host.address}"`));
    const { pins, attached } = fingerprint(host);
    assert.deepEqual([Object.keys(pins), attached], [[], {}], 'nothing of tartan is left');
  }

  interface Pair {
    readonly from: Host;
    readonly to: Host;
  }
  const pairs = (): Pair[] =>
    lab.hosts.flatMap((from) => lab.hosts.flatMap((to) => (from === to ? [] : [{ from, to }])));

  async function reachAll(): Promise<void> {
    for (const { from, to } of pairs()) await waitForPing(podOf(from), podOf(to).address);
  }

  /** Pings between all pods while a host is moved: between the others none may be lost. */
  async function duringPings(t: TestContext, moved: Host, act: () => Promise<void>): Promise<void> {
    const pinging = pairs().map((pair) => {
      const pings: Pinging = startPinging(podOf(pair.from), podOf(pair.to).address, INTERVAL_MS);
      return { ...pair, pings };
    });
    await act();
    await reachAll();
    const lossy: Pair[] = [];
    let most = 0;
    for (const { pings, ...pair } of pinging) {
      const { lost } = await pings.stop();
      most = Math.max(most, lost);
      const concerned = pair.from === moved || pair.to === moved;
      if (lost > (concerned ? MOST_LOST_MS / INTERVAL_MS : 0)) lossy.push(pair);
    }
    t.diagnostic(`its pods were away for ${most * INTERVAL_MS} ms at most`);
    assert.deepEqual(names(lossy), []);
  }

  for (const at of [0, 1, 2]) {
    it(`host ${'abc'[at]} is taken over`, async (t) => {
      const host = lab.hosts[at] ?? assert.fail();
      await preview(host);
      await duringPings(t, host, () => becomeTartan(host));
      const to = podOf(lab.hosts[(at + 1) % 3] ?? assert.fail());
      const { sent, received } = await sendTcp(
        podOf(host),
        to,
        { address: to.address, port: 9000 },
        5,
      );
      assert.deepEqual(received, sent);
    });
  }

  for (const at of [0, 1, 2]) {
    it(`host ${'abc'[at]} goes back`, async (t) => {
      const host = lab.hosts[at] ?? assert.fail();
      await duringPings(t, host, async () => {
        await leaveTartan(host);
        await becomeFlannel(host);
      });
    });
  }
}
