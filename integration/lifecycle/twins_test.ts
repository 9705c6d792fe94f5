/** Two nodes with one PublicIP: whoever can know says so, and they leave each other alone. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { waitFor } from '../../lab/ready.ts';
import { CONFIG, hostsOf, initConfig, join, lacks, storedLeases } from './support.ts';
import { startWatch, type Watching } from './watching.ts';

const NO_ETCD = lacks('etcd', 'etcdctl');
const PEER = '/coreos.com/network/subnets/10.5.250.0-24';

describe('two nodes with one PublicIP', { skip: NO_ETCD }, () => {
  let lab: Lab;
  let a: Host;
  let b: Host;
  beforeEach(async () => {
    lab = await createLab({ name: 'lifetwins', hosts: 2, pods: 0, store: 'etcd' });
    [a, b] = hostsOf(lab);
  });
  afterEach(() => lab.destroy());

  const asA = () => ['--public-ip', a.address];
  const leasesByMac = async () =>
    (await storedLeases(lab))
      .map(({ subnet, publicIp, value }) => [
        /"VtepMAC":"([^"]+)"/.exec(value)?.[1],
        publicIp,
        subnet,
      ])
      .sort();
  const macOf = async (host: Host) => {
    const [link] = JSON.parse(
      (await host.exec(['ip', '-json', 'link', 'show', 'flannel.1'])).stdout,
    );
    return String(link.address);
  };
  const messagesOf = (watching: Watching) =>
    watching.events().flatMap(({ type, message }) => (type === 'error' ? [message ?? ''] : []));
  const toldOf = (watching: Watching, ...parts: readonly string[]) =>
    waitFor(`an error that names ${parts}`, () =>
      messagesOf(watching).some((message) => parts.every((part) => message.includes(part))),
    );
  /** A peer comes and goes: what was to happen before has happened. */
  async function round(...watchings: readonly Watching[]): Promise<void> {
    const from = watchings.map((watching) => watching.events().length);
    const input = `{"PublicIP":"192.168.77.98","BackendType":"vxlan","BackendData":{"VtepMAC":"02:00:00:00:00:98"}}`;
    await lab.etcd?.ctl(['put', PEER], { input });
    await Promise.all(watchings.map((watching, i) => watching.event('added', from[i])));
    await lab.etcd?.ctl(['del', PEER]);
    await Promise.all(watchings.map((watching, i) => watching.event('removed', from[i])));
  }

  it('the second takes the lease over with another VTEP: the first takes another, and both say so', async () => {
    await initConfig(lab);
    const { subnet } = await join(a);
    await join(b);
    // b keeps its device, and with it a MAC of its own, but remembers nothing.
    rmSync(b.stateDir, { recursive: true });
    rmSync(b.subnetFile);
    const [macOfA, macOfB] = [await macOf(a), await macOf(b)];
    await using watchingA = await startWatch(a, ['--reconcile-interval', '1']);
    const { stderr } = await b.tartan(['join', ...asA()]);
    assert(
      stderr.includes(`took over the lease of ${subnet}, which the VTEP ${macOfA} had`),
      stderr,
    );

    const lost = await watchingA.event('lost');
    assert(lost.message?.includes(`belongs to ${a.address} (VTEP ${macOfB})`), lost.message);
    const acquired = await watchingA.event('acquired');
    assert.equal(acquired.formerSubnet, subnet);
    await toldOf(watchingA, `two nodes have the PublicIP ${a.address}`, macOfB);

    await using watchingB = await startWatch(b, ['--reconcile-interval', '1', ...asA()]);
    await toldOf(watchingB, `two nodes have the PublicIP ${a.address}`, macOfA);
    const before = (await leasesByMac()).filter(([, publicIp]) => publicIp === a.address);
    assert.deepEqual(
      before,
      [
        [macOfA, a.address, acquired.subnet],
        [macOfB, a.address, subnet],
      ].sort(),
    );
    await round(watchingA, watchingB);
    await round(watchingA, watchingB);
    for (const type of ['lost', 'acquired'] as const) {
      const count = (watching: Watching) =>
        watching.events().filter((event) => event.type === type).length;
      assert.deepEqual([count(watchingA), count(watchingB)], [1, 0], type);
    }
    assert.deepEqual(
      (await leasesByMac()).filter(([, publicIp]) => publicIp === a.address),
      before,
    );
    await watchingA.running.stop();
    await watchingB.running.stop();

    // Without a process that stays, `join` says it.
    for (const [host, args, own, other] of [
      [a, [], acquired.subnet, macOfB],
      [b, asA(), subnet, macOfA],
    ] as const) {
      const { stdout, stderr: errors } = await host.tartan(['join', ...args]);
      assert.equal(JSON.parse(stdout).subnet, own);
      assert(
        errors.includes(`two nodes have the PublicIP ${a.address}`) && errors.includes(other),
        errors,
      );
    }
  });

  it('without a watch: the next join of the first finds its lease claimed, and leaves it', async () => {
    await initConfig(lab);
    const { subnet } = await join(a);
    await join(b);
    rmSync(b.stateDir, { recursive: true });
    rmSync(b.subnetFile);
    await b.tartan(['join', ...asA()]);
    const taken = await leasesByMac();
    const { stdout, stderr } = await a.tartan(['join']);
    const report = JSON.parse(stdout);
    assert.equal(report.formerSubnet, subnet);
    assert.match(stderr, new RegExp(`belongs to ${a.address} \\(VTEP ${await macOf(b)}\\)`));
    for (const lease of taken) assert((await leasesByMac()).some((now) => `${now}` === `${lease}`));
  });

  for (const type of ['vxlan', 'host-gw', 'udp']) {
    it(`${type}: a second one that has no VTEP of its own yet is noticed by the first`, async () => {
      await initConfig(lab, { ...CONFIG, Backend: { Type: type } });
      const { subnet } = await join(a);
      await using watching = await startWatch(a);
      const { stdout } = await b.tartan(['join', ...asA()]);
      assert.equal(JSON.parse(stdout).subnet, subnet);
      await toldOf(watching, `another node that has the PublicIP ${a.address}`, subnet);
      await round(watching);
      assert.equal(messagesOf(watching).length, 1);
      assert.deepEqual(
        (await storedLeases(lab)).map((lease) => [lease.subnet, lease.publicIp]),
        [[subnet, a.address]],
      );
    });
  }
});
