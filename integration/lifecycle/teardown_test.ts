import assert from 'node:assert/strict';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { folderOf } from '../../lab/names.ts';
import { ping } from '../../lab/traffic.ts';
import { mapLayouts } from '../../src/bpf/layouts.gen.ts';
import { programNames } from '../../src/bpf/object_file.ts';
import { type Fingerprint, fingerprint } from './fingerprint.ts';
import {
  assertRefuses,
  hostsOf,
  initConfig,
  join,
  peersInKernel,
  storedLeases,
  teardown,
} from './support.ts';
import { assertWhole } from './whole.ts';

const DAMAGES = {
  'flannel.1 down': 'ip link set flannel.1 down',
  'flannel.1 down and up, its routes gone': 'ip link set flannel.1 down; ip link set flannel.1 up',
  'another MTU and MAC': 'ip link set flannel.1 mtu 1200 address 02:00:00:00:00:07',
  'its VNI removed': 'bridge vni delete dev flannel.1 vni 1',
  'its address removed': 'ip address flush dev flannel.1',
  'a route removed and one too many':
    'ip route del 10.5.128.0/17; ip route add 10.5.200.0/24 via 169.254.1.1 dev flannel.1 onlink proto 116',
  'ARP on': 'ip link set flannel.1 arp on',
};

describe('teardown leaves nothing', () => {
  let lab: Lab;
  let a: Host;
  let b: Host;
  let untouched: Fingerprint;
  beforeEach(async () => {
    lab = await createLab({ name: 'lifedown', hosts: 2, pods: 0 });
    [a, b] = hostsOf(lab);
    await initConfig(lab);
    await join(b);
    untouched = fingerprint(a);
  });
  afterEach(() => lab.destroy());

  const leasesOfA = async () =>
    (await storedLeases(lab)).filter(({ publicIp }) => publicIp === a.address);

  it('nor does it touch what is not ours: foreign devices, routes, programs, files', async () => {
    await a.shell(`
      ip link add other type bridge
      ip link add vxlan7 type vxlan id 7 dstport 4789 dev eth0
      ip route add 10.9.0.0/16 via 192.168.77.254
      ip route add 10.8.0.0/16 via 192.168.77.254 proto 116
      tc qdisc add dev eth0 clsact`);
    writeFileSync(`${folderOf(lab.name)}/a/other.env`, 'theirs');
    untouched = fingerprint(a);
    await join(a);
    assert.equal((await join(a)).changed, false);
    await teardown(a);
    assert.deepEqual(fingerprint(a), untouched);
  });

  it('with the store away: the host is clean, 75, and a second run gives the lease back', async () => {
    await join(a);
    const store = `${folderOf(lab.name)}/store.db`;
    renameSync(store, `${store}.away`);
    const { subnet } = JSON.parse(readFileSync(`${a.stateDir}/default/state.json`, 'utf8'));
    await assertRefuses(a, ['teardown', '--store', `file:${store}`], {
      exit: 75,
      code: 'STORE_UNAVAILABLE',
      message: new RegExp(`cleaned up, but its lease of ${subnet} was not given back`),
      hint: /tartan teardown.*again.*--keep-lease/,
    });
    const { files, ...host } = fingerprint(a);
    const { files: _, ...before } = untouched;
    assert.deepEqual(host, before);
    assert.deepEqual(
      Object.keys(files).filter((path) => !path.endsWith('/lock')),
      [...['state/', 'state/default/', 'state/default/state.json']],
    );
    renameSync(`${store}.away`, store);
    assert.equal((await leasesOfA()).length, 1);
    assert.deepEqual(await teardown(a), { subnet, leaseRemoved: true, changed: true });
    assert.deepEqual(fingerprint(a), untouched);
    assert.deepEqual(await leasesOfA(), []);
  });

  it('with state.json lost: the host is clean; the next join finds the lease', async () => {
    const { subnet } = await join(a);
    rmSync(`${a.stateDir}/default/state.json`);
    const report = await teardown(a);
    assert.equal(report.changed, true);
    const { files, ...host } = fingerprint(a);
    const { files: filesBefore, ...before } = untouched;
    assert.deepEqual(host, before);
    assert.equal((await leasesOfA()).length, report.leaseRemoved ? 0 : 1);
    if (!report.leaseRemoved) assert.equal((await join(a)).subnet, subnet);
    assert.deepEqual(files, filesBefore, 'subnet.env still tells of a subnet');
  });

  it('with the underlay interface gone', async () => {
    await join(a);
    await a.exec(['ip', 'link', 'del', 'eth0']);
    untouched = { ...untouched, ...linksWithout(untouched, 'eth0') };
    assert.equal((await teardown(a)).leaseRemoved, true);
    const { routes, ...rest } = fingerprint(a);
    const { routes: _, ...before } = untouched;
    assert.deepEqual(rest, before);
    assert.doesNotMatch(JSON.stringify(routes), /eth0|flannel/);
    assert.deepEqual(await leasesOfA(), []);
  });

  it('after somebody deleted flannel.1; and join heals that', async () => {
    const { subnet } = await join(a);
    await a.exec(['ip', 'link', 'del', 'flannel.1']);
    const healed = await join(a);
    assert.equal(healed.changed, true);
    assert.equal(healed.subnet, subnet);
    await assertWhole(lab, a, healed);
    assert.equal((await join(a)).changed, false);
    await a.exec(['ip', 'link', 'del', 'flannel.1']);
    assert.deepEqual(await teardown(a), { subnet, leaseRemoved: true, changed: true });
    assert.deepEqual(fingerprint(a), untouched);
  });

  it('join heals what others changed of the device', async () => {
    await join(a);
    for (const [what, script] of Object.entries(DAMAGES)) {
      await a.shell(script);
      const healed = await join(a);
      assert.equal(healed.changed, true, what);
      await assertWhole(lab, a, healed).catch((cause) => {
        throw new Error(`not healed: ${what}`, { cause });
      });
      assert.equal((await join(a)).changed, false, what);
    }
  });

  it('join heals each pin that is removed, and so does teardown', async () => {
    await join(a);
    const { pins } = fingerprint(a);
    const paths = Object.keys(pins).filter((path) => !path.endsWith('/'));
    // Maps, programs, and three links.
    assert.equal(paths.length, Object.keys(mapLayouts).length + programNames.length + 3);
    for (const path of paths) {
      rmSync(`${a.bpffs}/${path}`);
      await assertWhole(lab, a, await join(a)).catch((cause) => {
        throw new Error(`${path} was removed`, { cause });
      });
    }
    rmSync(`${a.bpffs}/${paths[0]}`);
    await teardown(a);
    assert.deepEqual(fingerprint(a), untouched);
  });

  it('pins and state of another network namespace are refused by every command', async () => {
    const { subnet } = await join(a);
    const before = fingerprint(a);
    // The same folders, seen from host b: as after a namespace was left for another one.
    const env = { FLANNELD_BPFFS: a.bpffs, FLANNELD_STATE_DIR: a.stateDir };
    const refusal = {
      exit: 1,
      code: 'PINS_FOREIGN',
      message: /the pins in .*tartan\/default are another network namespace's \(\d+\), and in use/,
      hint: /--bpffs, or run it there/,
    } as const;
    for (const command of ['join', 'watch', 'teardown'])
      await assertRefuses(b, [command], refusal, { env });
    const after = fingerprint(a);
    assert.deepEqual({ ...after, files: null }, { ...before, files: null });
    await join(a);
    assert.equal((await teardown(a)).subnet, subnet);
  });

  it('pins of another namespace are refused also where the state folders differ', async () => {
    await join(a);
    // What it remembered of its own pins would be told first.
    await teardown(b);
    const before = fingerprint(a);
    for (const command of ['join', 'teardown']) {
      await assertRefuses(
        b,
        [command],
        { exit: 1, code: 'PINS_FOREIGN', message: /another network namespace/, hint: /--bpffs/ },
        { env: { FLANNELD_BPFFS: a.bpffs } },
      );
    }
    assert.deepEqual(fingerprint(a), before);
  });

  it('a peer that was torn down is unreachable, and forgotten at the next join', async () => {
    const mine = await join(a);
    await join(b);
    assert.deepEqual(Object.values(peersInKernel(b)), [a.address]);
    assert.equal(await ping(b, mine.subnet.replace('0/24', '0')), 1);
    await teardown(a);
    assert.equal(await ping(b, mine.subnet.replace('0/24', '0')), 0);
    assert.equal((await join(b)).peers, 0);
    assert.deepEqual(peersInKernel(b), {});
  });
});

/** What is left of a host's devices, hooks and queues without one of them. */
function linksWithout(
  { links, qdiscs, attached }: Fingerprint,
  device: string,
): Partial<Fingerprint> {
  return {
    attached,
    links: links.filter(({ ifname }) => ifname !== device),
    qdiscs: qdiscs.filter((qdisc) => !JSON.stringify(qdisc).includes(`"${device}"`)),
  };
}
