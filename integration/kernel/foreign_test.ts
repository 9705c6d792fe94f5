/** What is somebody else's is left alone, or taken over where that is meant to be. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { vxlan } from '../../src/backend/vxlan.ts';
import { unfinishedName } from '../../src/kernel/links.ts';
import { parseConfig } from '../../src/lease/config.ts';
import { type DesiredState, nothing } from '../../src/plan/state.ts';
import { type Fingerprint, fingerprint } from '../lifecycle/fingerprint.ts';
import { type Member, memberAt } from './member.ts';
import { missing } from './requirements.ts';
import { CONFIG, DEVICE, desiredOf, leaseOf, MEANS } from './samples.ts';

describe('what is not ours', { skip: missing() }, () => {
  let lab: Lab;
  let host: Host;
  let member: Member;
  let desired: DesiredState;
  let bare: Fingerprint;
  before(async () => {
    lab = await createLab({ name: 'kernelforeign', hosts: 1, pods: 0 });
    host = lab.host('a');
    member = memberAt(host);
    desired = desiredOf(host);
    bare = fingerprint(host);
  });
  after(() => lab?.destroy());
  afterEach(async () => {
    await member.clear();
    assert.deepEqual(fingerprint(host), bare);
  });

  for (const [kind, script, detail] of [
    ['a bridge', 'type bridge', /bridge/],
    ['one end of a cable', 'type veth peer other', /veth/],
    ['a vxlan device with another VNI', 'type vxlan id 7 dstport 8472', /vxlan id 7 dstport 8472/],
    ['a vxlan device on another port', 'type vxlan id 1 dstport 4789', /vxlan id 1 dstport 4789/],
    ['a vxlan device without filter', 'type vxlan external dstport 8472', /vxlan/],
    ['a vxlan device with a filter, and no alias', 'type vxlan external vnifilter', /vxlan/],
  ] as const) {
    it(`${kind} of our name: refused, and left alone`, async () => {
      await host.shell(`ip link add ${DEVICE} ${script}`);
      const before = fingerprint(host);
      await assert.rejects(member.plan(desired), {
        code: 'DEVICE_FOREIGN',
        message: new RegExp(`device ${DEVICE} exists and is not ours: .*${detail.source}`),
        hint: /ip link delete flannel\.1/,
      });
      assert.deepEqual(await member.clear(), []);
      assert.deepEqual(fingerprint(host), before);
      await host.shell(`ip link delete ${DEVICE}`);
    });
  }

  it("another network's of our name: refused by that network's name", async () => {
    await host.shell(`ip link add ${DEVICE} type vxlan external vnifilter dstport 8472
      ip link set ${DEVICE} alias tartan:other`);
    await assert.rejects(member.plan(desired), {
      code: 'DEVICE_FOREIGN',
      message: /VNI 1 is taken: device flannel\.1 carries this host's network "other"/,
      hint: /VNI of its own/,
    });
    assert.deepEqual(await member.clear(), []);
    await host.shell(`ip link delete ${DEVICE}`);
  });

  it('our own device, renamed: known by its alias, and made anew; teardown removes it too', async () => {
    await member.converge(desired);
    const rename = `ip link set ${DEVICE} down; ip link set ${DEVICE} name mine; ip link set mine up`;
    await host.shell(rename);
    await member.converge(desired);
    assert.deepEqual(await member.plan(desired), []);
    await host.exec(['ip', 'link', 'show', DEVICE]);
    await assert.rejects(host.exec(['ip', 'link', 'show', 'mine']));
    await host.shell(rename);
  });

  it('the device of another network that is being made: not ours', async () => {
    await member.converge(desired);
    const unfinished = unfinishedName('other');
    await host.shell(`ip link add ${unfinished} type vxlan external vnifilter dstport 8472`);
    assert(!JSON.stringify(await member.plan(nothing)).includes(unfinished));
    await member.clear();
    await host.exec(['ip', 'link', 'delete', unfinished]);
  });

  for (const state of ['down', 'up'] as const) {
    it(`flanneld's device, ${state}: taken over, with its MAC`, async () => {
      const mac = '0e:11:22:33:44:55';
      await host.shell(`
        ip link add ${DEVICE} address ${mac} type vxlan id 1 local ${host.address} dev eth0 dstport 8472 nolearning
        ip address add 10.5.10.0/32 dev ${DEVICE}
        ip link set ${DEVICE} ${state}`);
      const { links } = await member.observe();
      const offer = vxlan.attributes(
        parseConfig(JSON.stringify(CONFIG)),
        {
          interface: { name: 'eth0', address: host.address, prefixLength: 24, mtu: 1500 },
          publicIp: host.address,
          attach: { by: MEANS, xdp: false },
          links,
          endpoints: [],
          netfilter: null,
          dataplane: { kind: 'bpf', reason: null },
          routes: null,
        },
        null,
        () => assert.fail('the device has a MAC'),
      );
      assert.equal(offer.attributes.vxlan?.vtepMac, mac);
      assert.deepEqual(await member.plan(nothing), [], "teardown alone leaves flanneld's");
      const taken = desiredOf(host, { own: leaseOf('10.5.10.0/24', host.address, mac) });
      await member.converge(taken);
      const [link] = (await member.observe()).links;
      assert.deepEqual(link, taken.links[0]);
    });
  }

  for (const kind of ['id 9', 'external', 'external vnifilter gbp']) {
    it(`a vxlan device, ${kind}, on the port: named, and all is done once it is gone`, async () => {
      await host.shell(`ip link add busy type vxlan ${kind} dstport 8472; ip link set busy up`);
      await assert.rejects(member.plan(desired), {
        code: 'DEVICE_FOREIGN',
        message: /flannel\.1 cannot have UDP port 8472: busy has it/,
        hint: /ip link delete busy.*Backend\.Port/,
      });
      await assert.rejects(
        host.shell(`ip link add same type vxlan external vnifilter dstport 8472
          ip link set same up`),
        /Address already in use/,
        "the kernel's own word",
      );
      await host.shell('ip link delete busy; ip link delete same');
      await member.converge(desired);
    });
  }

  it('vxlan devices that share the port, or have it once they are up: none of our business', async () => {
    await host.shell(`ip link add other type vxlan id 9 dstport 8472
      ip link add alike type vxlan external vnifilter dstport 8472
      ip link set alike up`);
    await member.converge(desired);
    assert.deepEqual(await member.plan(desired), []);
    await member.clear();
    await host.shell('ip link delete other; ip link delete alike');
  });

  it("somebody else's route to the same prefix: stays in force; ours follows", async () => {
    const [route] = desired.routes;
    assert(route);
    const { destination } = route;
    const gateway = '192.168.77.254';
    const inForce = async () => {
      const address = destination.replace(/\/\d+$/, '');
      const { stdout } = await host.exec(['ip', '-json', 'route', 'get', address]);
      return (JSON.parse(stdout) as { dev: string }[])[0]?.dev;
    };
    await host.shell(`ip route add ${destination} via ${gateway}`);
    await member.converge(desired);
    assert.equal(await inForce(), 'eth0');
    await host.shell(`ip route delete ${destination} via ${gateway}`);
    assert.equal(await inForce(), DEVICE);
    assert.deepEqual(await member.plan(desired), []);

    await host.shell(`ip route prepend ${destination} via ${gateway}`);
    assert.deepEqual(await member.plan(desired), []);
    await member.clear();
    assert.equal(await inForce(), 'eth0', 'teardown takes only ours');
    await host.shell(`ip route delete ${destination} via ${gateway}`);
  });

  it('a route of our protocol on another device: not ours', async () => {
    await host.shell('ip route add 10.99.0.0/16 via 192.168.77.254 proto 116');
    await member.converge(desired);
    await member.clear();
    await host.shell('ip route delete 10.99.0.0/16 via 192.168.77.254 proto 116');
  });

  it("somebody else's route through our device: not ours, and gone with the device", async () => {
    await member.converge(desired);
    await host.shell(`ip route add 10.98.0.0/16 via 169.254.1.1 dev ${DEVICE} onlink`);
    assert.deepEqual(await member.plan(desired), []);
  });
});
