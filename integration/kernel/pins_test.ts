/** Whose pins they are, and what is done with those that do not fit. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { run } from '../../lab/process.ts';
import { waitFor } from '../../lab/ready.ts';
import { withPinned } from '../../src/bpf/bpffs.ts';
import { readLinks } from '../../src/bpf/links.ts';
import { listGenerations } from '../../src/bpf/pins.ts';
import { openKernel } from '../../src/kernel/kernel.ts';
import type { Attachment } from '../../src/plan/dataplane.ts';
import { diff } from '../../src/plan/diff.ts';
import { type DesiredState, nothing } from '../../src/plan/state.ts';
import { pinObject } from '../../src/sys/bpf.ts';
import { hasTcx } from '../../src/sys/bpf_links.ts';
import { fingerprint } from '../lifecycle/fingerprint.ts';
import { bareNamespace, type Member, memberAt, memberOf, NETWORK } from './member.ts';
import { missing, needsTcx } from './requirements.ts';
import { DEVICE, desiredOf, MEANS, withAttachments, withSettings } from './samples.ts';

const BOTH_WAYS = hasTcx() ? (['tcx', 'clsact'] as const) : (['clsact'] as const);

describe('pins', { skip: missing() }, () => {
  let lab: Lab;
  let a: Host;
  let b: Host;
  let member: Member;
  let desired: DesiredState;
  before(async () => {
    lab = await createLab({ name: 'kernelpins', underlay: 'pair', pods: 0 });
    [a, b] = [lab.host('a'), lab.host('b')];
    member = memberAt(a);
    desired = desiredOf(a);
  });
  after(() => lab?.destroy());
  /** On every way out of a test the teardown must leave an empty file system. */
  afterEach(async () => {
    await member.clear();
    assert.deepEqual(readdirSync(a.bpffs), []);
  });

  const devicesLost = () =>
    waitFor('the links have lost their devices', () =>
      readLinks(member.pins).every(({ ifindex }) => ifindex === 0),
    );

  async function generationFolder(): Promise<string> {
    const [generation] = (await member.observe()).generations.keys();
    return member.pins.generation(`${generation}`);
  }

  /** Pins one of the generation's maps under the name of another. */
  function misplace(folder: string, from: string, to: string): void {
    rmSync(join(folder, to));
    withPinned(join(folder, from), (fd) => pinObject(fd, join(folder, to)));
  }

  for (const [from, to, what] of [
    ['counters', 'peers', /has another layout \(type 6, key 4, value 8 bytes\)/],
    ['peers', 'settings_map', /has another layout/],
    ['sources', 'peers_lpm', /has another layout/],
    ['vxlan_send', 'peers', /is a bpf-prog, not a bpf-map/],
    ['counters', 'vxlan_send', /is a bpf-map, not a bpf-prog/],
  ] as const) {
    it(`${from} pinned as ${to}: refused, and removed by a teardown`, async () => {
      await member.converge(desired);
      misplace(await generationFolder(), from, to);
      await assert.rejects(member.plan(desired), {
        code: 'PINS_FOREIGN',
        message: new RegExp(`not ours: ${member.pins.root}/.*/${to} ${what.source}`),
        hint: /tartan teardown/,
      });
      await member.clear();
      await member.converge(desired);
    });
  }

  it('an older build, laid out otherwise: unloaded, and in nobody’s way', async () => {
    await member.converge(desired);
    const folder = await generationFolder();
    misplace(folder, 'counters', 'peers');
    rmSync(join(folder, 'vxlan_check'));
    const old = folder.replace(/-[0-9a-f]{12}-/, '-000000000000-');
    renameSync(folder, old);
    const ops = await member.converge(desired);
    assert.deepEqual(ops.at(-1), { op: 'bpf.unload', generation: old.split('/').at(-1) });
    assert.equal(existsSync(old), false);
  });

  it('a generation without any pin, and one of nobody’s name', async () => {
    await member.converge(desired);
    const folder = await generationFolder();
    for (const name of readdirSync(folder)) rmSync(join(folder, name));
    mkdirSync(join(member.pins.root, 'something-else'));
    await member.converge(desired);
    assert.equal(listGenerations(member.pins).length, 1);
  });

  it('unfinished generations: gone with the next load, or with the teardown', async () => {
    await member.converge(desired);
    const folder = await generationFolder();
    const unfinished = member.pins.unfinished('vxlan-abc-1-2');
    const leave = () => {
      mkdirSync(unfinished);
      withPinned(join(folder, 'counters'), (fd) => pinObject(fd, join(unfinished, 'counters')));
    };
    leave();
    assert.equal((await member.observe()).generations.size, 1, 'it does not count');
    rmSync(join(folder, 'counters'));
    await member.converge(desired);
    assert.equal(existsSync(unfinished), false);
    leave();
    await member.clear();
    assert.equal(existsSync(unfinished), false);
    assert.deepEqual(await member.clear(), []);
  });

  for (const by of BOTH_WAYS) {
    it(`another living namespace's, by ${by}: refused, for joining and for tearing down`, async () => {
      const mine = desiredOf(a, { by });
      await member.converge(mine);
      const stranger = memberOf(b, a.bpffs);
      for (const wish of [desiredOf(b, { by }), nothing]) {
        await assert.rejects(stranger.plan(wish), {
          code: 'PINS_FOREIGN',
          message: new RegExp(`${a.bpffs}.*another network namespace.*\\d{6,}.*in use`),
          hint: /--bpffs/,
        });
      }
      assert.deepEqual(await member.plan(mine), []);
    });

    it(`a dead namespace's, by ${by}: taken over`, async () => {
      const dead = await bareNamespace(lab.name, 'dead');
      await memberOf(dead, a.bpffs).converge(desiredOf(a, { by }));
      const owners = () =>
        readdirSync(member.pins.root).filter((path) => path.startsWith('netns-'));
      const before = owners();
      await run(['ip', 'netns', 'del', dead.namespace]);
      await devicesLost();
      const ops = await member.converge(desiredOf(a, { by }));
      assert.notDeepEqual(owners(), before);
      assert.equal(owners().length, 1);
      // The programs are good still; only devices are another namespace's.
      assert(!ops.some(({ op }) => op === 'bpf.load'), JSON.stringify(ops));
      await assert.rejects(memberOf(b, a.bpffs).observe(), { code: 'PINS_FOREIGN' });
    });
  }

  it("a living namespace's whose links have lost their devices: refused, as it may have filters", async () => {
    const poor = await bareNamespace(lab.name, 'poor');
    const owner = memberOf(poor, a.bpffs);
    await owner.converge(desiredOf(a));
    await poor.shell(`ip link delete eth0; ip link delete ${DEVICE}`);
    await devicesLost();
    await assert.rejects(memberOf(b, a.bpffs).observe(), { code: 'PINS_FOREIGN' });
    await owner.clear();
    await run(['ip', 'netns', 'del', poor.namespace]);
  });

  it('links whose device is gone: no state, and gone with the teardown', async () => {
    await member.converge(desired);
    await a.shell(`ip link delete ${DEVICE}`);
    const { attachments } = await member.observe();
    assert.deepEqual(
      attachments.map(({ program }) => program),
      ['vxlan_receive'],
    );
  });

  it(
    'one program on many devices: each has a link, and those of devices that are gone are swept away',
    needsTcx,
    async () => {
      await a.shell('for n in 0 1 2; do ip link add cable$n type veth peer far$n; done');
      const on = (...numbers: number[]) => withAttachments(desired, numbers.map(endpointOn));
      await member.converge(on(0, 1));
      const places = async () =>
        (await member.observe()).attachments
          .filter(({ program }) => program === 'endpoint_send')
          .map(({ device }) => device);
      assert.deepEqual((await places()).sort(), ['cable0', 'cable1']);
      const before = fingerprint(a).pins;

      await a.shell('ip link delete cable0');
      assert.deepEqual(await places(), ['cable1']);
      await member.converge(on(1, 2));
      const after = fingerprint(a).pins;
      const linksOf = (pins: typeof before) =>
        Object.keys(pins).filter((path) => path.includes('/links/endpoint_send-'));
      assert.equal(linksOf(after).length, 2);
      const kept = linksOf(after).filter((path) => path in before);
      assert.equal(kept.length, 1, 'cable1 keeps its link');
      assert.equal(after[`${kept}`], before[`${kept}`]);

      await member.converge(on(2));
      assert.deepEqual(await places(), ['cable2']);
      await a.shell('ip link delete cable1; ip link delete cable2');
    },
  );

  it('a link that an earlier version pinned by its program alone is kept', needsTcx, async () => {
    await member.converge(desired);
    for (const { name, program } of readLinks(member.pins))
      renameSync(member.pins.link(name), member.pins.link(program));
    assert.deepEqual(await member.plan(desired), []);
    const before = fingerprint(a).attached;
    await member.converge(withSettings(desired, { subnetCount: 300 }));
    assert.deepEqual(Object.keys(fingerprint(a).attached), Object.keys(before));
    assert.deepEqual(readdirSync(join(member.pins.root, 'links')).sort(), [
      ...['vxlan_check', 'vxlan_receive', 'vxlan_send'],
    ]);
  });

  it('no BPF file system: MISSING, before anything is changed', async () => {
    for (const bpffs of ['/run/netns', `${a.stateDir}/nowhere`]) {
      const kernel = openKernel({ network: NETWORK, bpffs, networkNamespace: 1 });
      const refusal = { code: 'MISSING', message: new RegExp(bpffs), hint: /mount -t bpf/ };
      await assert.rejects(async () => {
        throw await kernel.probe();
      }, refusal);
      assert.equal(existsSync(join(bpffs, 'tartan')), false);
      const elsewhere = memberOf(b, bpffs);
      const [load] = diff(desiredOf(b), await elsewhere.observe());
      assert(load?.op === 'bpf.load');
      await assert.rejects(elsewhere.apply(load), refusal);
      assert.equal(existsSync(join(bpffs, 'tartan')), false);
    }
    const kernel = openKernel({ network: NETWORK, bpffs: a.bpffs, networkNamespace: 1 });
    assert.equal(await kernel.probe(), null);
  });

  it('another network has its own, on the same file system', async () => {
    await member.converge(desired);
    const other = join(a.bpffs, 'tartan', 'other');
    mkdirSync(other);
    await member.clear();
    assert.deepEqual(readdirSync(join(a.bpffs, 'tartan')), ['other']);
    rmSync(join(a.bpffs, 'tartan'), { recursive: true });
  });
});

function endpointOn(number: number): Attachment {
  return { program: 'endpoint_send', device: `cable${number}`, hook: 'ingress', by: MEANS };
}
