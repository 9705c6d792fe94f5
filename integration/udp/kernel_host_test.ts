/** What udp in kernel mode makes of a host, what stands in its way, and that nothing of it stays. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { waitFor } from '../../lab/ready.ts';
import { unfinishedName } from '../../src/kernel/links.ts';
import type { Op } from '../../src/plan/op.ts';
import { hasTun, missingFou } from '../kernel/requirements.ts';
import { type Fingerprint, fingerprint } from '../lifecycle/fingerprint.ts';
import { assertRefuses, hostsOf, initConfig, storedLeases } from '../lifecycle/support.ts';
import { join, joined } from './host.ts';

const skip =
  process.getuid?.() !== 0 ? 'needs root' : missingFou() || (!hasTun() && 'needs /dev/net/tun');
const CONFIG = { Network: '10.5.0.0/16', Backend: { Type: 'udp' } };

let lab: Lab;
let a: Host;
let b: Host;
let untouched: Fingerprint;

interface Found {
  readonly fingerprint: Omit<Fingerprint, 'files'>;
  readonly fou: readonly object[];
  readonly tables: string;
}

/** All that a command could have changed, and what kernel mode adds to it. */
async function look(host: Host): Promise<Found> {
  const { files: _, ...rest } = fingerprint(host);
  const { stdout } = await host.exec(['ip', '-json', 'fou', 'show']);
  const { stdout: tables } = await host.exec(['nft', 'list', 'ruleset']);
  return { fingerprint: rest, fou: stdout.trim() === '' ? [] : JSON.parse(stdout), tables };
}

async function assertClean(host: Host): Promise<void> {
  const { files: _, ...rest } = untouched;
  assert.deepEqual(await look(host), { fingerprint: rest, fou: [], tables: '' });
}

describe('a host of udp in kernel mode', { skip }, () => {
  beforeEach(async () => {
    lab = await createLab({ name: 'udpfou', hosts: 2, pods: 0 });
    [a, b] = hostsOf(lab);
    await initConfig(lab, CONFIG);
    untouched = fingerprint(a);
  });
  afterEach(() => lab.destroy());

  it('has a device, a port and a table; again changes nothing, and teardown leaves nothing', async () => {
    const { subnet: other } = await join(b);
    const { subnet, mode, mtu, peers } = await join(a);
    assert.deepEqual([mode, mtu, peers], ['kernel', 1472, 1]);
    const { fingerprint: found, fou, tables } = await look(a);
    const device = found.links.find(({ ifname }) => ifname === 'flannel0');
    assert.equal(device?.ifalias, 'tartan:default');
    assert.equal(device.linkinfo?.info_kind, 'ipip');
    assert.deepEqual(
      device.addr_info.map(({ local }) => `${local}/24`),
      [subnet],
    );
    assert.partialDeepStrictEqual(fou, [{ port: 8285, ipproto: 4, local: a.address }]);
    assert.match(tables, /chain fou_192\.168\.77\.10_8285 /);
    const routes = found.routes.filter(({ protocol }) => protocol === '116');
    assert.partialDeepStrictEqual(routes, [{ dst: other, gateway: b.address, dev: 'flannel0' }]);
    await joined(a);
    await a.tartan(['teardown']);
    await assertClean(a);
  });

  it('what somebody took away or changed comes back', async () => {
    await join(b);
    await join(a);
    const whole = await look(a);
    const strip = ({ fingerprint: { links, routes, ...rest }, ...found }: Found) => ({
      ...rest,
      ...found,
      links: links.map(({ ifindex: _, ...link }) => link),
      routes,
    });
    for (const line of [
      'ip link delete flannel0',
      `ip fou del port 8285 local ${a.address}`,
      'nft flush ruleset',
      'ethtool -K flannel0 tx on; ip link set flannel0 mtu 1400; ip link set flannel0 down',
      `ip link delete flannel0; ip fou del port 8285 local ${a.address}; nft flush ruleset`,
    ]) {
      await a.shell(line);
      assert.equal((await join(a)).changed, true, line);
      assert.deepEqual(strip(await look(a)), strip(whole), line);
    }
  });

  it('teardown finds the port where the device was deleted, or the table', async () => {
    for (const line of ['ip link delete flannel0', 'nft flush ruleset']) {
      await join(a);
      await a.shell(line);
      await a.tartan(['teardown']);
      await assertClean(a);
    }
  });

  it('a device whose maker was killed before its alias is ours, and goes', async () => {
    const tunnel = `local ${a.address} dev eth0 encap fou encap-sport auto encap-dport 8285`;
    const make = `ip link add ${unfinishedName('default')} type ipip ${tunnel}`;
    await a.shell(make);
    await join(a);
    await joined(a);
    await a.tartan(['teardown']);
    await assertClean(a);
    await a.shell(make);
    await a.tartan(['teardown']);
    await assertClean(a);
  });

  it('moves between the modes, with the same subnet', async () => {
    const { subnet } = await join(a);
    for (const [dataplane, mode, kind] of [
      ['bpf', 'default', 'veth'],
      ['kernel', 'kernel', 'ipip'],
      ['user', 'user', 'tun'],
      ['kernel', 'kernel', 'ipip'],
      ['bpf', 'default', 'veth'],
    ] as const) {
      const report = await join(a, dataplane);
      assert.deepEqual([report.mode, report.subnet], [mode, subnet]);
      const { fingerprint: found, fou, tables } = await look(a);
      const device = found.links.find(({ ifname }) => ifname === 'flannel0');
      assert.equal(device?.linkinfo?.info_kind, kind);
      const isKernel = mode === 'kernel';
      assert.deepEqual([fou.length, tables !== ''], [isKernel ? 1 : 0, isKernel]);
      await joined(a, dataplane);
    }
    await a.tartan(['teardown']);
    await assertClean(a);
  });

  it('watch mends what is changed, and the dataplane goes on after it', async () => {
    await join(a);
    await using watch = a.startTartan([
      ...['watch', '--dataplane', 'kernel', '--reconcile-interval=1'],
    ]);
    const said = (text: string) => waitFor(text, () => watch.stdout().includes(text));
    await said('"synced"');
    await a.shell('ip link delete flannel0');
    await said('"reconciled"');
    await waitFor('healed', async () => {
      const { fou, fingerprint: found } = await look(a);
      return fou.length === 1 && found.links.some(({ ifname }) => ifname === 'flannel0');
    });
    await watch.stop();
    await joined(a);
  });

  it('the ops of a dry run are the whole of it', async () => {
    const { stdout } = await a.tartan(['join', '--dataplane', 'kernel', '--dry-run']);
    const { ops } = JSON.parse(stdout) as { ops: readonly Op[] };
    assert.deepEqual(
      ops.map(({ op }) => op),
      ['link.add', 'fou.add', 'address.add', 'link.set', 'filter.write'],
    );
    await assertClean(a);
  });

  describe('is refused where somebody has', () => {
    const refuse = (code: string, exit: 1 | 75, message: RegExp, hint: RegExp) =>
      assertRefuses(a, ['join', '--dataplane', 'kernel'], { code, exit, message, hint });

    /** Nothing but what stood in the way is there, and no lease. */
    async function assertUnchanged(line: string): Promise<void> {
      await a.shell(line);
      await assertClean(a);
      assert.deepEqual(await storedLeases(lab), []);
    }

    it('the UDP port: a process', async () => {
      const listen = `require('node:dgram').createSocket('udp4').bind(8285, () => console.log('up'))`;
      await using process = a.start([globalThis.process.execPath, '-e', listen]);
      await waitFor('it listens', () => process.stdout() === 'up\n');
      await refuse('BUSY', 75, /another process has UDP port 8285/, /flanneld/);
      await process.stop();
      await assertUnchanged('true');
    });

    it('the UDP port: another FOU port', async () => {
      for (const local of ['', ` local ${a.address}`]) {
        await a.shell(`ip fou add port 8285 ipproto 4${local}`);
        await refuse('DEVICE_FOREIGN', 1, /port 8285 .* FOU port/, /ip fou del port 8285/);
        await assertUnchanged(`ip fou del port 8285${local}`);
      }
    });

    it('what comes to the address in IP packets', async () => {
      await a.shell(`ip link add flannel.ipip type ipip local ${a.address}`);
      await refuse('DEVICE_FOREIGN', 1, /flannel\.ipip has them/, /ip link delete flannel\.ipip/);
      await assertUnchanged('ip link delete flannel.ipip');
    });

    it('the name', async () => {
      await a.shell('ip link add flannel0 type dummy');
      await refuse('DEVICE_FOREIGN', 1, /flannel0 exists/, /ip link delete flannel0/);
      await assertUnchanged('ip link delete flannel0');
    });
  });
});
