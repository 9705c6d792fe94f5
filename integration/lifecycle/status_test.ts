import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { waitFor } from '../../lab/ready.ts';
import { TARTAN } from '../../lab/tartan.ts';
import { ping } from '../../lab/traffic.ts';
import type { StatusReport } from '../../src/agent/status.ts';
import { fingerprint } from './fingerprint.ts';
import { assertRefuses, hostsOf, initConfig, join, lacks, teardown } from './support.ts';

interface Looked {
  readonly code: number;
  readonly report: StatusReport;
}

/** For scripts and for people, which end with the same status; changes nothing. */
async function look(host: Host, ...args: readonly string[]): Promise<Looked> {
  const before = fingerprint(host);
  const { code, stdout, stderr } = await host.tartan(['status', '--json', ...args], {
    mayFail: true,
  });
  assert.equal(stderr, '');
  const report: StatusReport = JSON.parse(stdout);
  const shown = await host.tartan(['status', ...args], { mayFail: true });
  assert.equal(shown.code, code);
  assert(shown.stdout.includes(report.subnet), shown.stdout);
  assert.deepEqual(fingerprint(host), before);
  assert.equal(code, report.healthy ? 0 : 1);
  return { code, report };
}

describe('status', { concurrency: 1 }, () => {
  let lab: Lab;
  let a: Host;
  let b: Host;
  const setUp = async (options: { store: 'file' | 'etcd' }) => {
    lab = await createLab({ name: 'lifestatus', hosts: 2, pods: 0, ...options });
    [a, b] = hostsOf(lab);
  };
  afterEach(() => lab.destroy());

  for (const [Type, args, mode] of [
    ['vxlan', [], 'default'],
    ['vxlan', ['--dataplane', 'kernel'], 'kernel'],
    ['vxlan', ['--attach', 'clsact'], 'default'],
    ['udp', [], 'default'],
    ['udp', ['--dataplane', 'user'], 'user'],
    ['host-gw', [], 'default'],
  ] as const) {
    it(`${Type} ${args.join(' ')}: a host that has joined is healthy, one that has not is told so`, async () => {
      await setUp({ store: 'file' });
      await initConfig(lab, { Network: '10.5.0.0/16', Backend: { Type } });
      await assertRefuses(a, ['status'], {
        ...{ exit: 1, code: 'LEASE_LOST', message: /has not joined/, hint: /tartan join/ },
      });
      const takeUp = (host: Host) => host.tartan(['join', ...args]);
      await takeUp(a);
      const { subnet } = JSON.parse((await takeUp(b)).stdout);
      await takeUp(a);
      // As it was joined, and not as the lab asks for it.
      const { report } = await look(a, '--dataplane', 'auto');
      assert.deepEqual([report.problems, report.notes, report.differences], [[], [], []]);
      assert.deepEqual([report.backend, report.mode], [Type, mode]);
      assert.deepEqual(
        report.peers.map((peer) => [peer.subnet, peer.publicIp]),
        [[subnet, b.address]],
      );
      assert.match(report.leaseExpires ?? '', /^\d{4}-/);
    });
  }

  describe('of vxlan on etcd', { skip: lacks('etcd', 'etcdctl') }, () => {
    beforeEach(async () => {
      await setUp({ store: 'etcd' });
      await initConfig(lab);
      await join(a);
      await join(b);
      await join(a);
    });

    it('counts what goes to a peer and comes from it, and what is dropped, by reason', async () => {
      const [peer] = (await look(a)).report.peers;
      assert(peer);
      assert.equal(peer.traffic?.sentPackets, 0);
      assert.equal(await ping(a, peer.subnet.replace('0/24', '0')), 1);
      await ping(a, '10.5.250.250');
      const { report } = await look(a);
      const traffic = report.peers[0]?.traffic;
      assert.deepEqual([traffic?.sentPackets, traffic?.receivedPackets], [1, 1]);
      assert.equal(traffic?.sentBytes, traffic?.receivedBytes);
      assert((report.counters?.drop_no_peer ?? 0) > 0, JSON.stringify(report.counters));
    });

    it('--watch looks on until a signal, through a teardown and a join', async () => {
      const argv = ['status', '--watch', '--json', '--interval', '1'];
      await using running = a.startTartan(argv, {});
      const lines = () => running.stdout().split('\n').slice(0, -1);
      const shows = (what: RegExp) =>
        waitFor(`${what}`, () => lines().some((one) => what.test(one)));
      await shows(/"healthy":true/);
      await teardown(a);
      await shows(/"code":"LEASE_LOST"/);
      await join(a);
      const before = lines().length;
      await waitFor('it is healthy again', () =>
        lines()
          .slice(before)
          .some((one) => one.includes('"healthy":true')),
      );
      const { code, stderr } = await running.stop();
      assert.deepEqual([code, stderr], [0, '']);
    });

    it('--watch draws over what was there on a terminal, and ends with it', async () => {
      const command = `${TARTAN} status -w --interval 1`;
      // A terminal of its own, with a size.
      const argv = ['script', '-qec', `stty rows 30 cols 100; ${command}`, '/dev/null'] as const;
      await using running = a.start([...argv]);
      await waitFor('a second screen', () => running.stdout().split('\x1b[H').length > 2);
      const [, first = ''] = running.stdout().split('\x1b[H');
      assert.match(first, /PEER .*SENT\/S/);
      assert(!first.split('\n').some((line) => line.length > 110), first);
    });

    it('names each difference, and join mends them', async () => {
      await a.exec(['ip', 'link', 'set', 'flannel.1', 'down']);
      const { code, report } = await look(a);
      assert.equal(code, 1);
      assert.match(report.problems.join(), /the kernel is not as it should be: .*link\.set/);
      assert(report.differences?.some(({ op }) => op === 'link.set'));
      await join(a);
      assert.equal((await look(a)).code, 0);
      rmSync(a.subnetFile);
      assert.deepEqual((await look(a)).report.problems, [`${a.subnetFile} is gone`]);
      await join(a);
      await initConfig(lab, { Network: '10.9.0.0/16', Backend: { Type: 'vxlan' } });
      assert.match(
        (await look(a)).report.problems[0] ?? '',
        new RegExp(`config has changed, and the lease of ${report.subnet} does not fit`),
      );
    });

    it('says that a lease is lost, and looks beside a watch that runs', async () => {
      await using _ = b.startTartan(['watch'], {});
      assert.equal((await look(b)).code, 0);
      const { subnet } = (await look(a)).report;
      const key = `/coreos.com/network/subnets/${subnet.replace('/', '-')}`;
      await lab.etcd?.ctl(['del', key]);
      const { code, report } = await look(a);
      assert.equal(code, 1);
      assert.match(report.problems.join(), new RegExp(`the lease of ${subnet} is lost`));
    });

    it('works while the store is down, by what the kernel tells, and that is no fault of the host', async () => {
      const { report: before } = await look(a);
      const nowhere = ['--etcd-endpoints', 'http://127.0.0.1:9'];
      const { code, report } = await look(a, ...nowhere);
      assert.equal(code, 0);
      assert.equal(report.store.reachable, false);
      assert.match(report.notes.join(), /127\.0\.0\.1:9/);
      assert.deepEqual(report.peers, before.peers);
      assert.deepEqual([report.differences, report.leaseExpires, report.mode], [null, null, null]);
      await a.exec(['ip', 'link', 'set', 'flannel.1', 'down']);
      assert.deepEqual((await look(a, ...nowhere)).report.problems, ['flannel.1 is down']);
      await a.exec(['ip', 'link', 'del', 'flannel.1']);
      const gone = await look(a, ...nowhere);
      assert.deepEqual(gone.report.problems, [`the device for ${report.subnet} is gone`]);
      await teardown(a);
    });
  });
});
