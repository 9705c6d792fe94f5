/** What happens behind our back is put right by the next run. */
import assert from 'node:assert/strict';
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { waitForLinks } from '../../lab/links.ts';
import { waitForPing } from '../../lab/traffic.ts';
import { withPinned } from '../../src/bpf/bpffs.ts';
import { mapLayouts } from '../../src/bpf/layouts.gen.ts';
import { readLinks } from '../../src/bpf/links.ts';
import { programNames } from '../../src/bpf/object_file.ts';
import { aliasOf } from '../../src/kernel/links.ts';
import type { DesiredState } from '../../src/plan/state.ts';
import { detachLink } from '../../src/sys/bpf_links.ts';
import { type Member, memberAt, NETWORK } from './member.ts';
import { missing, needsTcx } from './requirements.ts';
import { DEVICE, desiredOf, ownLease } from './samples.ts';

const attachedPrograms = ['vxlan_send', 'vxlan_check', 'vxlan_receive'];

describe('healing', { skip: missing() }, () => {
  let lab: Lab;
  let a: Host;
  let b: Host;
  let member: Member;
  let desired: DesiredState;
  before(async () => {
    lab = await createLab({ name: 'kernelheal', underlay: 'pair', pods: 0 });
    a = lab.host('a');
    b = lab.host('b');
    member = memberAt(a);
    desired = desiredOf(a, { peers: [ownLease(b)] });
    await member.converge(desired);
    await memberAt(b).converge(desiredOf(b, { peers: [ownLease(a)] }));
    await waitForPing(a, '10.5.11.0');
  });
  after(() => lab?.destroy());

  /** Something is missing, is put right, and the overlay carries packets again. */
  async function assertHeals(wish: DesiredState = desired): Promise<void> {
    const ops = await member.converge(wish);
    assert.notEqual(ops.length, 0);
    await waitForPing(a, '10.5.11.0');
  }

  for (const [name, script] of [
    ['the device is deleted', `ip link delete ${DEVICE}`],
    [
      'the device is made anew, as ours but empty',
      `ip link delete ${DEVICE}
       ip link add ${DEVICE} type vxlan external vnifilter nolearning dstport 8472
       ip link set ${DEVICE} alias ${aliasOf(NETWORK)}`,
    ],
    [
      'the device is made anew, and open before the programs are on it',
      `ip link delete ${DEVICE}
       ip link add ${DEVICE} type vxlan external vnifilter nolearning dstport 8472
       ip link set ${DEVICE} alias ${aliasOf(NETWORK)}
       ip link set ${DEVICE} up; bridge vni add dev ${DEVICE} vni 1`,
    ],
    ['the device has another name', `ip link set ${DEVICE} name x`],
    ['the device is down', `ip link set ${DEVICE} down`],
    ['the device asks for neighbours', `ip link set ${DEVICE} arp on`],
    ['another MAC', `ip link set ${DEVICE} address 02:00:00:00:00:99`],
    ['another MTU', `ip link set ${DEVICE} mtu 1000`],
    ['another VNI', `bridge vni delete dev ${DEVICE} vni 1; bridge vni add dev ${DEVICE} vni 9`],
    ['no VNI', `bridge vni delete dev ${DEVICE} vni 1`],
    [
      'another address',
      `ip address flush dev ${DEVICE}; ip address add 10.5.99.0/32 dev ${DEVICE}`,
    ],
    ['one address more', `ip address add 10.5.99.0/32 dev ${DEVICE}`],
    ['no routes', `ip route flush dev ${DEVICE}`],
    ['a route more', `ip route add 10.77.0.0/16 via 169.254.1.1 dev ${DEVICE} onlink proto 116`],
  ] as const) {
    it(name, async () => {
      await a.shell(script);
      await assertHeals();
    });
  }

  it('the underlay has another name', async () => {
    const rename = (from: string, to: string) =>
      a.shell(`ip link set ${from} down; ip link set ${from} name ${to}; ip link set ${to} up`);
    await rename('eth0', 'wan0');
    await waitForLinks(a, ['wan0']);
    const renamed = desiredOf(a, { peers: [ownLease(b)], underlay: { name: 'wan0' } });
    // Attached by index: only what is told in names changes.
    assert.deepEqual(await member.plan(renamed), []);
    await waitForPing(a, '10.5.11.0');
    await rename('wan0', 'eth0');
    await waitForLinks(a, ['eth0']);
    assert.deepEqual(await member.plan(desired), []);
  });

  it('the underlay is another device of the same name', async () => {
    await a.shell(`
      ip link delete eth0
      ip link add eth0 index 777 type veth peer name eth0 index 778 netns ${b.namespace}
      ip address add ${a.address}/24 dev eth0
      ip link set eth0 up`);
    await b.shell(`ip address add ${b.address}/24 dev eth0; ip link set eth0 up`);
    await Promise.all([waitForLinks(a, ['eth0']), waitForLinks(b, ['eth0'])]);
    await memberAt(b).converge(desiredOf(b, { peers: [ownLease(a)] }));
    await assertHeals();
  });

  it('the underlay is one of two, and the other is wanted', async () => {
    await a.shell('ip link add spare type bridge; ip link set spare up');
    const elsewhere = desiredOf(a, { underlay: { name: 'spare', address: '192.168.78.1' } });
    await member.converge(elsewhere);
    await assertHeals();
    await a.shell('ip link delete spare');
  });

  for (const name of [...Object.keys(mapLayouts), ...programNames]) {
    it(`the pin of ${name} is removed`, async () => {
      const [generation] = (await member.observe()).generations.keys();
      rmSync(join(member.pins.generation(`${generation}`), name));
      const ops = await member.plan(desired);
      assert.equal(ops[0]?.op, 'bpf.load');
      await assertHeals();
    });
  }

  const linkOf = (program: string) =>
    member.pins.link(readLinks(member.pins).find((link) => link.program === program)?.name ?? '');

  for (const program of attachedPrograms) {
    it(`the pin of the link of ${program} is removed`, needsTcx, async () => {
      // The kernel lets go of the link a moment later, and takes no second one of the program until then.
      for (let count = 0; count < 20; count += 1) {
        rmSync(linkOf(program));
        assert.notEqual((await member.converge(desired)).length, 0);
      }
      await waitForPing(a, '10.5.11.0');
    });

    it(`the link of ${program} is detached`, needsTcx, async () => {
      withPinned(linkOf(program), detachLink);
      await assertHeals();
    });
  }

  it('all pins are removed', async () => {
    rmSync(member.pins.root, { recursive: true });
    await assertHeals();
  });

  it('the links show another generation than is pinned', async () => {
    const [generation] = (await member.observe()).generations.keys();
    const from = member.pins.generation(`${generation}`);
    const to = member.pins.generation(`${generation?.replace(/-[0-9a-f]{12}-/, '-000000000000-')}`);
    renameSync(from, to);
    const ops = await member.plan(desired);
    assert.deepEqual(
      ops.map(({ op }) => op),
      ['bpf.load', ...Array(3).fill('bpf.attach'), 'bpf.unload'],
    );
    await assertHeals();
  });
});
