/** The program that takes outer headers off by XDP, beside the others. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { enterNamespace, inNamespace } from '../../lab/in_namespace.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { ping, waitForPing } from '../../lab/traffic.ts';
import { readLinks } from '../../src/bpf/links.ts';
import { objectPath } from '../../src/bpf/object_file.ts';
import { openKernel } from '../../src/kernel/kernel.ts';
import { createXdpLink } from '../../src/sys/bpf_links.ts';
import { loadObject } from '../../src/sys/libbpf.ts';
import { close } from '../../src/sys/libc.ts';
import { type Fingerprint, fingerprint } from '../lifecycle/fingerprint.ts';
import { indexOf } from './bystander.ts';
import { type Member, memberAt, NETWORK } from './member.ts';
import { missing, needsTcx } from './requirements.ts';
import { desiredOf, MEANS, ownLease, withSettings } from './samples.ts';

/** The kernel says it since 6.3: by the next one that matters here, 6.6. */
const told = (native: boolean) => (needsTcx.skip === false ? native : null);

describe('XDP', { skip: missing() }, () => {
  let lab: Lab;
  let host: Host;
  let member: Member;
  let bare: Fingerprint;
  before(async () => {
    lab = await createLab({ name: 'kernelxdp', underlay: 'pair', pods: 0 });
    host = lab.host('a');
    member = memberAt(host);
    const b = lab.host('b');
    await memberAt(b).converge(desiredOf(b, { peers: [ownLease(host)] }));
    bare = fingerprint(host);
  });
  after(() => lab?.destroy());
  afterEach(async () => {
    await member.clear();
    assert.deepEqual(fingerprint(host), bare);
  });

  const wish = (by: 'tcx' | 'clsact', xdp: boolean) =>
    desiredOf(host, { peers: [ownLease(lab.host('b'))], by, xdp });
  const stripLink = () => readLinks(member.pins).find(({ program }) => program === 'vxlan_strip');

  async function waysOn(device: string) {
    using _ = enterNamespace(host);
    const kernel = openKernel({ network: NETWORK, bpffs: host.bpffs, networkNamespace: 1 });
    return (await kernel.readAttachWays(device)).xdp;
  }

  /** Where `ip link` shows it, and how: 1 is the driver's, 2 the kernel's generic mode (IFLA_XDP_ATTACHED). */
  async function modeOn(device: string): Promise<number | undefined> {
    const { stdout } = await host.exec(['ip', '-json', 'link', 'show', device]);
    return (JSON.parse(stdout) as { xdp?: { mode: number } }[])[0]?.xdp?.mode;
  }

  for (const by of new Set([MEANS, 'clsact' as const])) {
    it(`beside ${by}: attached last, replaced in place, detached first`, async () => {
      const ops = await member.converge(wish(by, true));
      const order = (kind: 'bpf.attach' | 'bpf.detach', list: typeof ops) =>
        list.flatMap((op) => (op.op === kind ? [op.attachment.program] : []));
      assert.equal(order('bpf.attach', ops).at(-1), 'vxlan_strip');
      assert.equal(await modeOn('eth0'), 1);
      await waitForPing(host, '10.5.11.0');
      const before = stripLink();
      assert(before);
      await member.converge(withSettings(wish(by, true), { subnetCount: 300 }));
      const after = stripLink();
      assert.equal(after?.name, before.name);
      assert.notEqual(after?.programId, before.programId);
      await waitForPing(host, '10.5.11.0');

      const away = await member.converge(wish(by, false));
      assert.equal(order('bpf.detach', away)[0], 'vxlan_strip');
      assert.equal(await modeOn('eth0'), undefined);
      await member.converge(wish(by, true));
    });
  }

  it('what an interface has is found out without attaching anything', async () => {
    await host.shell('ip link add plain type bridge');
    const ways = { isBuilt: true, foreignProgram: null };
    assert.deepEqual(await waysOn('eth0'), { ...ways, kind: 'veth', native: told(true) });
    assert.deepEqual(await waysOn('plain'), { ...ways, kind: 'bridge', native: told(false) });
    assert.equal(await modeOn('plain'), undefined);
    await host.shell('ip link delete plain');
    await member.converge(wish(MEANS, true));
    assert.equal((await waysOn('eth0'))?.foreignProgram, null, 'ours is not foreign');
  });

  it('a driver without XDP: refused with the reason, or generic if that is allowed', async () => {
    await host.shell('ip link add plain type bridge; ip link set plain up');
    await member.converge(wish(MEANS, false));
    const [generation = ''] = (await member.observe()).generations.keys();
    const attachment = {
      program: 'vxlan_strip',
      device: 'plain',
      hook: 'ingress',
      by: 'xdp',
    } as const;
    const op = { op: 'bpf.attach', attachment, generation } as const;
    const refused = async () => {
      using _ = enterNamespace(host);
      const kernel = openKernel({ network: NETWORK, bpffs: host.bpffs, networkNamespace: 1 });
      await assert.rejects(kernel.apply({ ...op, attachment }), {
        code: 'INTERFACE',
        message: /no native XDP/,
        hint: /--force/,
      });
    };
    await refused();
    await member.apply(op);
    assert.equal(await modeOn('plain'), 2);
    await member.apply({ op: 'bpf.detach', attachment });
    await host.shell('ip link delete plain');
  });

  it("somebody else's program: named by its id, and left alone", async () => {
    const object = loadObject({
      path: objectPath('vxlan'),
      maps: [],
      programs: ['vxlan_strip'],
    });
    const link = inNamespace(host, () =>
      createXdpLink(object.programFd('vxlan_strip'), indexOf('eth0'), 'native'),
    );
    try {
      assert((await waysOn('eth0'))?.foreignProgram);
      await assert.rejects(member.converge(wish(MEANS, true)), {
        code: 'INTERFACE',
        message: /somebody else has a program there/,
      });
      assert.equal(await modeOn('eth0'), 1);
      assert.equal(await ping(host, lab.host('b').address), 1);
    } finally {
      close(link);
      object.close();
    }
  });
});
