/** What an earlier life has left, or lost, makes no difference after the next join. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { fingerprint } from './fingerprint.ts';
import {
  CONFIG,
  hostsOf,
  initConfig,
  join,
  labPerTest,
  lacks,
  peersInKernel,
  storedLeases,
  teardown,
} from './support.ts';
import { startWatch } from './watching.ts';
import { assertWhole } from './whole.ts';

/** As a reboot does it: links, routes, pins and /run are gone. What has been kept on a disk is from another boot. */
async function reboot(host: Host, isStateKept: boolean): Promise<void> {
  await host.exec(['ip', 'link', 'delete', 'flannel.1']);
  for (const name of readdirSync(host.bpffs)) rmSync(`${host.bpffs}/${name}`, { recursive: true });
  rmSync(host.subnetFile);
  if (!isStateKept) return rmSync(host.stateDir, { recursive: true });
  const path = `${host.stateDir}/default/state.json`;
  const state = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify({ ...state, networkNamespace: 4026531840 }));
}

for (const store of ['file', 'etcd'] as const) {
  describe(`a reboot, ${store}`, { skip: store === 'etcd' && lacks('etcd', 'etcdctl') }, () => {
    let lab: Lab;
    let a: Host;
    let b: Host;
    before(async () => {
      lab = await createLab({ name: `lifereboot${store}`, hosts: 2, pods: 0, store });
      [a, b] = hostsOf(lab);
      await initConfig(lab);
    });
    after(() => lab?.destroy());

    for (const [what, isStateKept] of [
      ['/run and pins are gone', false],
      ['the state was kept on a disk', true],
    ] as const) {
      it(`${what}: the same subnet and MAC, peers and all`, async () => {
        const { subnet } = await join(b);
        const earlier = await join(a);
        const [device] = fingerprint(a).links.filter(({ ifname }) => ifname === 'flannel.1');
        const watching = await startWatch(a);
        await watching.running.stop('SIGKILL');
        await reboot(a, isStateKept);
        const report = await join(a);
        assert.equal(report.subnet, earlier.subnet);
        await assertWhole(lab, a, report);
        const [again] = fingerprint(a).links.filter(({ ifname }) => ifname === 'flannel.1');
        assert.equal(again?.address, device?.address, 'the MAC that the peers know');
        assert.deepEqual(peersInKernel(a), { [subnet]: b.address });
        await teardown(a);
        assert.equal((await storedLeases(lab)).length, 1);
      });
    }
  });
}

describe('what an earlier life has left', () => {
  const labOf = labPerTest('lifeearlier');

  for (const dataplane of ['bpf', 'kernel'] as const) {
    it(`in ${dataplane} mode, of another config: peers, programs, routes are gone after join`, async () => {
      const lab = await labOf();
      const [a, b] = hostsOf(lab);
      const c = lab.host('c');
      const env = { FLANNELD_DATAPLANE: dataplane };
      await initConfig(lab, { ...CONFIG, SubnetMin: '10.5.32.0', SubnetMax: '10.5.63.0' });
      for (const host of [a, b, c]) await host.tartan(['join'], { env });
      await a.tartan(['join'], { env });
      await a.shell('ip route add 10.5.250.0/24 via 169.254.1.1 dev flannel.1 onlink proto 116');

      await teardown(b);
      await teardown(c);
      await c.shell('ip address flush dev eth0; ip address add 192.168.77.133/24 dev eth0');
      await initConfig(lab);
      await c.tartan(['join', '--iface', 'eth0']);
      mkdirSync(`${a.bpffs}/tartan/default/new-vxlan-0123456789ab-10-5-1-0-24-255`, {
        recursive: true,
      });
      mkdirSync(`${a.bpffs}/tartan/default/links`, { recursive: true });

      const report = JSON.parse((await a.tartan(['join'])).stdout);
      await assertWhole(lab, a, report);
      const others = (await storedLeases(lab)).filter(({ subnet }) => subnet !== report.subnet);
      assert.deepEqual(
        peersInKernel(a),
        Object.fromEntries(others.map(({ subnet, publicIp }) => [subnet, publicIp])),
      );
      assert.equal(others.length, 1);
      assert.equal((await join(a)).changed, false);
      for (const host of [a, c]) await teardown(host);
      assert(!existsSync(`${a.bpffs}/tartan`));
    });
  }
});
