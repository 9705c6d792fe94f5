/** Leases of several lengths in one network, overlapping ones too: the longest prefix counts. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { flannelKey, putFlannelLease, randomMac } from '../../lab/baseline.ts';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab, NETWORK_CONFIG } from '../../lab/lab.ts';
import { mostTelling, PATIENCE } from '../../lab/patience.ts';
import { attachPods, hostDevice } from '../../lab/pod.ts';
import { waitFor } from '../../lab/ready.ts';
import { ping, pingMatrix, waitForPing } from '../../lab/traffic.ts';
import { countDuring, startMeter, waitForCounts } from './meter.ts';
import { describeMember, join, type Member } from './network.ts';
import { echoReply, ICMP, ipv4 } from './packets.ts';
import { sendRaw } from './raw.ts';
import { missing } from './requirements.ts';
import { buildTools, sendDatagrams, sendTcp } from './senders.ts';

/** Seconds between the pings of a flow that must not be interrupted. */
const INTERVAL = `${0.002 * PATIENCE}`;

const skip = await missing('etcd', 'etcdctl');

before(() => skip || buildTools());

/** Reservations, made by hand, by host; the others get what the config hands out. */
const RESERVED: Readonly<Record<string, string>> = {
  b: '10.5.64.0/22',
  c: '10.5.66.0/26',
  d: '10.5.67.0/24',
};

describe('a /22 that holds a /24 and a /26, beside a /24', { skip }, () => {
  let lab: Lab;
  let members: readonly Member[] = [];
  before(async () => {
    lab = await createLab({ name: 'lengths', hosts: 4, store: 'etcd' });
    assert(lab.etcd);
    await initConfig(lab, {});
    for (const [name, subnet] of Object.entries(RESERVED)) {
      const publicIp = lab.host(name).address;
      await putFlannelLease(lab.etcd, { subnet, publicIp, vtepMac: randomMac() }, null);
    }
    await Promise.all(lab.hosts.map((host) => join(host)));
    await Promise.all(lab.hosts.map((host) => join(host).then(() => attachPods(host))));
    // Its pods take all of the /22 for their own link: somebody must answer for what is not.
    const proxy = `/proc/sys/net/ipv4/conf/${hostDevice(0)}/proxy_arp`;
    await lab.host('b').shell(`echo 1 >${proxy}`);
    members = await Promise.all(lab.hosts.map((host) => describeMember(host)));
  });
  after(() => lab?.destroy());

  it('each has the lease that was reserved for it', () => {
    for (const { name, subnet } of members) {
      if (RESERVED[name]) assert.equal(subnet, RESERVED[name]);
      else assert.match(subnet, /\/24$/);
    }
  });

  it('every pod reaches every other, and each packet is counted for its peer', async () => {
    await Promise.all(
      members.flatMap(({ pod }) => members.map((to) => waitForPing(pod, to.pod.address))),
    );
    const counted = await countDuring({ members }, async () => {
      const answers = await pingMatrix(members.map(({ pod }) => pod));
      assert(answers.flat().every(Boolean), JSON.stringify(answers));
    });
    const others = (name: string) =>
      Object.fromEntries(
        members.filter((member) => member.name !== name).map((member) => [member.name, 2]),
      );
    assert.deepEqual(
      counted,
      Object.fromEntries(
        members.map(({ name }) => [name, { sent: others(name), received: others(name) }]),
      ),
    );
  });

  it('hosts too, by their addresses in the overlay', async () => {
    for (const from of members) {
      for (const to of members) assert.equal(await ping(from.host, to.overlayAddress), 1);
    }
  });

  it('TCP and large datagrams, there and back', async () => {
    for (const [from, to] of pairsOf(members)) {
      const at = { address: to.pod.address, port: 9000 };
      const { sent, received } = await sendTcp(from.pod, to.pod, at, 2);
      assert.deepEqual(received, sent);
      assert.deepEqual(await sendDatagrams(from.pod, to.pod, { count: 3, bytes: 20_000 }), {
        received: 3,
        intact: 3,
      });
    }
  });

  it('the holder of the /22 may not speak for the /24 inside of it', async () => {
    const [a, b, , d] = members;
    assert(a && b && d);
    const meter = startMeter({ members });
    const payload = echoReply(Buffer.from('not mine'));
    sendRaw(b.pod, [
      ipv4({ source: d.pod.address, destination: a.pod.address, protocol: ICMP, payload }),
    ]);
    await waitForCounts(meter, {
      b: { sent: { a: 1 } },
      a: { other: { drop_spoofed_source: 1 } },
    });
  });

  it('a lease that goes uncovers the shorter one', async () => {
    const [a, b, , d] = members;
    assert(a && b && d && lab.etcd);
    await lab.etcd.ctl(['del', flannelKey(d.subnet)]);
    await Promise.all([join(a.host), join(b.host)]);
    const counted = await countDuring({ members: [a, b] }, async () => {
      await ping(a.pod, d.pod.address);
    });
    assert.deepEqual(counted.a?.sent, { b: 1 });
    const back = await join(d.host);
    assert.match(back.subnet, /\/24$/);
  });
});

describe('SubnetLen changed under live leases', { skip }, () => {
  let lab: Lab;
  before(async () => {
    lab = await createLab({ name: 'relength', store: 'etcd' });
    await initConfig(lab, {});
    await Promise.all(lab.hosts.map((host) => join(host)));
    await Promise.all(lab.hosts.map((host) => join(host).then(() => attachPods(host))));
  });
  after(() => lab?.destroy());

  for (const [from, to] of mostTelling([
    [24, 26],
    [26, 24],
  ] as const)) {
    it(`${from} to ${to}: who joins again gets a new length, the others stay reachable`, async () => {
      const [a, b, c] = lab.hosts as [Host, Host, Host];
      const [podB, podC] = [b.pods[0], c.pods[0]];
      assert(podB && podC);
      await using watch = b.startTartan(['watch']);
      await waitFor('b is in step', () => watch.stdout().includes('"synced"'));
      const flow = podB.start(['ping', '-n', '-q', '-i', INTERVAL, '-W', '1', podC.address]);

      await initConfig(lab, { SubnetLen: to });
      const joined = await join(a);
      assert.match(joined.subnet, new RegExp(`/${to}$`));
      assert.equal((await join(a)).changed, false);
      await attachPods(a);
      const podA = a.pods[0];
      assert(podA);
      await waitFor('b follows', () => watch.stdout().includes(joined.subnet));
      for (const [one, other] of [
        [podA, podB],
        [podB, podA],
      ] as const) {
        assert.equal(await ping(one, other.address, { count: 3 }), 3);
        const at = { address: other.address, port: 9000 };
        const { sent, received } = await sendTcp(one, other, at, 2);
        assert.deepEqual(received, sent);
      }
      // c neither watches nor has joined again: what a sends it takes from a stranger.
      assert.equal(await ping(podA, podC.address), 0);

      const { stdout } = await flow.stop('SIGINT');
      const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(stdout) ?? [];
      assert(Number(sent) > 100 && Number(sent) - Number(received) <= 1, stdout);
      assert.equal((await watch.stop()).code, 0);

      for (const host of [b, c]) assert.match((await join(host)).subnet, new RegExp(`/${to}$`));
      await Promise.all(lab.hosts.map((host) => join(host).then(() => attachPods(host))));
      const pods = lab.hosts.flatMap(({ pods: all }) => all);
      await Promise.all(
        pods.flatMap((pod) => pods.map((other) => waitForPing(pod, other.address))),
      );
      for (const host of lab.hosts) assert.equal((await join(host)).peers, 2);
    });
  }
});

async function initConfig(lab: Lab, change: object): Promise<void> {
  const input = JSON.stringify({ ...NETWORK_CONFIG, ...change });
  await lab.host('a').tartan(['init-config', '--force', '-'], { input });
}

function pairsOf(members: readonly Member[]): [Member, Member][] {
  return members.flatMap((from) =>
    members.filter((to) => to !== from).map((to): [Member, Member] => [from, to]),
  );
}
