import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { waitFor } from '../../lab/ready.ts';
import { ping } from '../../lab/traffic.ts';
import { fingerprint } from './fingerprint.ts';
import {
  assertRefuses,
  hostsOf,
  initConfig,
  join,
  lacks,
  peersInKernel,
  storedLeases,
  teardown,
} from './support.ts';
import { startWatch } from './watching.ts';
import { assertWhole } from './whole.ts';

const NO_ETCD = lacks('etcd', 'etcdctl');

describe('watch', { concurrency: 3 }, () => {
  for (const store of ['file', 'etcd'] as const) {
    describe(`watch on ${store}`, { skip: store === 'etcd' && NO_ETCD }, () => {
      let lab: Lab;
      let a: Host;
      let b: Host;
      beforeEach(async () => {
        lab = await createLab({ name: `lifewatch${store}`, hosts: 2, pods: 0, store });
        [a, b] = hostsOf(lab);
        await initConfig(lab);
        await join(a);
      });
      afterEach(() => lab.destroy());

      it('follows peers that join, change and leave; a renewal is no event', async () => {
        await using watching = await startWatch(a);
        const { subnet } = await join(b);
        const added = await watching.event('added');
        assert.deepEqual(
          { subnet: added.subnet, publicIp: added.publicIp },
          { subnet, publicIp: b.address },
        );
        assert.deepEqual(peersInKernel(a), { [subnet]: b.address });
        assert.equal(await ping(a, subnet.replace('0/24', '0')), 1);

        await b.tartan(['renew']);
        await teardown(b, '--keep-lease');
        // A new device with a MAC of its own choice, as after a reboot of a host that flanneld ran on.
        await b.exec([
          'ip',
          'link',
          'add',
          'flannel.1',
          'address',
          '02:00:00:00:00:07',
          'type',
          'vxlan',
          'id',
          '1',
          'dstport',
          '8472',
          'dev',
          'eth0',
        ]);
        const { stderr } = await b.tartan(['join']);
        assert.match(stderr, /took over the lease of .*which the VTEP .* had under this PublicIP/);
        const changed = await watching.event('changed');
        assert.equal(changed.subnet, subnet);
        await waitFor(
          'traffic to the new MAC',
          async () => (await ping(a, subnet.replace('0/24', '0'))) === 1,
        );

        await teardown(b);
        const removed = await watching.event('removed');
        assert.deepEqual(
          { subnet: removed.subnet, publicIp: removed.publicIp },
          { subnet, publicIp: b.address },
        );
        assert.deepEqual(peersInKernel(a), {});
        assert.deepEqual(
          watching.events().map(({ type }) => type),
          ['synced', 'added', 'changed', 'removed'],
        );
      });
    });
  }

  describe('watch of a host', { concurrency: 1 }, () => {
    let lab: Lab;
    let a: Host;
    let b: Host;
    beforeEach(async () => {
      lab = await createLab({ name: 'lifewatchhost', hosts: 2, pods: 0 });
      [a, b] = hostsOf(lab);
      await initConfig(lab);
    });
    afterEach(() => lab.destroy());

    for (const [signal, status] of [
      ['SIGINT', 0],
      ['SIGTERM', 0],
    ] as const) {
      it(`ends with ${status} on ${signal}, and the network goes on`, async () => {
        await join(a);
        const { subnet } = await join(b);
        await join(a);
        const before = fingerprint(a);
        await using watching = await startWatch(a);
        const { code, stderr } = await watching.running.stop(signal);
        assert.deepEqual({ code, stderr }, { code: status, stderr: '' });
        assert.deepEqual(fingerprint(a), before);
        assert.equal(await ping(a, subnet.replace('0/24', '0')), 1);
      });
    }

    it('repairs what others changed: a route, the device, a pin, subnet.env', async () => {
      await join(a);
      await using watching = await startWatch(a, ['--reconcile-interval', '1']);
      const { pins } = fingerprint(a);
      const [settings] = Object.keys(pins).filter((path) => path.endsWith('/settings_map'));
      const [link] = Object.keys(pins).filter((path) => path.includes('/links/vxlan_receive'));
      for (const damage of [
        () => a.exec(['ip', 'route', 'del', '10.5.128.0/17']),
        () => a.exec(['ip', 'link', 'del', 'flannel.1']),
        () => a.exec(['ip', 'link', 'set', 'flannel.1', 'down']),
        async () => rmSync(`${a.bpffs}/${link}`),
        async () => rmSync(`${a.bpffs}/${settings}`),
        async () => writeFileSync(a.subnetFile, 'FLANNEL_SUBNET=10.5.99.1/24\n'),
      ]) {
        const seen = watching.events().length;
        await damage();
        const { message } = await watching.event('reconciled', seen);
        assert(message, 'says what it repaired');
      }
      await watching.running.stop();
      const report = await join(a);
      assert.equal(report.changed, false);
      await assertWhole(lab, a, report);
    });

    it('a second watch says that there is one, and ends with 75', async () => {
      await join(a);
      await using _ = await startWatch(a);
      for (const command of ['watch', 'join'])
        await assertRefuses(a, [command], {
          exit: 75,
          code: 'BUSY',
          message: /another tartan is at work on this network/,
          hint: /if `tartan watch` is running/,
        });
    });

    it('that has not joined is refused', async () => {
      await assertRefuses(a, ['watch'], {
        exit: 1,
        code: 'LEASE_LOST',
        message: /has not joined/,
        hint: /tartan join/,
      });
      assert.deepEqual(await storedLeases(lab), []);
    });
  });
});
