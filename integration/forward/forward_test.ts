/** `--iptables-forward-rules` under real traffic, beside rules of others that drop what the host forwards. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { waitFor } from '../../lab/ready.ts';
import { ping, waitForPing } from '../../lab/traffic.ts';
import type { JoinReport } from '../../src/agent/join.ts';
import type { Carrier } from '../carriers/contract.ts';
import { HOST_GW } from '../carriers/host_gw.ts';
import { VXLAN, VXLAN_FAST } from '../carriers/vxlan.ts';
import { createNetwork, type Member, type Network } from '../dataplane/network.ts';
import { missing } from '../dataplane/requirements.ts';
import { lacks } from '../lifecycle/support.ts';

const skip = (await missing()) || lacks('iptables-nft', 'iptables-legacy');

const OVERLAY = VXLAN.config.Network;

/** What others have, as lines of iptables: a policy, a last rule, and Docker 28 after it has begun to route. */
const FOREIGN = {
  'a policy': ['-P FORWARD DROP'],
  'a last rule': ['-A FORWARD -i eth9 -j ACCEPT', '-A FORWARD -j REJECT'],
  Docker: [
    ...['-N DOCKER-USER', '-A DOCKER-USER -j RETURN', '-N DOCKER', '-A DOCKER -j DROP'],
    ...['-A FORWARD -j DOCKER-USER', '-A FORWARD -j DOCKER'],
  ],
} as const;

for (const by of ['nft', 'legacy'] as const) {
  describe(`FORWARD rules, iptables-${by}`, { skip }, () => testRules(by));
}

for (const carrier of [VXLAN_FAST, HOST_GW]) {
  describe(`FORWARD rules, ${carrier.name}`, { skip }, () => {
    const { network } = labOf(carrier);
    it('are passed by pods of both ends', async () => {
      const { a, b } = network();
      for (const { host } of [a, b]) await host.exec(['iptables-nft', '-P', 'FORWARD', 'DROP']);
      for (const { host } of [a, b]) assert.equal((await join(host)).mode, carrier.mode);
      assert.equal(await ping(a.pod, b.pod.address), 1);
      assert.equal(await ping(b.pod, a.pod.address), 1);
      assert.equal((await join(a.host)).changed, false);
    });
  });
}

function testRules(by: 'nft' | 'legacy'): void {
  const { network } = labOf(VXLAN);
  const command = `iptables-${by}`;
  const rules = async ({ host }: Member) => (await host.exec([command, '-S'])).stdout;
  const write = ({ host }: Member, lines: readonly string[]) =>
    host.shell(lines.map((line) => `${command} ${line}`).join('\n'));
  const reaches = () => ping(network().a.pod, network().b.pod.address);
  const ours = (chain: string) =>
    ['-s', '-d'].map(
      (flag) => new RegExp(`-A ${chain} ${flag} ${OVERLAY} .*tartan:default.* -j ACCEPT`),
    );

  afterEach(async () => {
    await write(network().b, ['-P FORWARD ACCEPT', '-F', '-X']);
    await join(network().b.host);
  });

  for (const [what, lines] of Object.entries(FOREIGN)) {
    it(`${what} that drops: the network is accepted, until teardown`, async () => {
      const { b, a } = network();
      await write(b, lines);
      const before = await rules(b);
      await join(b.host, 'false');
      assert.equal(await rules(b), before);
      assert.equal(await reaches(), 0, 'dropped');

      assert.equal((await join(b.host)).changed, true);
      const chain = what === 'Docker' ? 'DOCKER-USER' : 'FORWARD';
      for (const rule of ours(chain)) assert.match(await rules(b), rule);
      assert.equal(await reaches(), 1);
      assert.equal((await join(b.host)).changed, false);

      await b.host.tartan(['teardown', '--keep-lease']);
      assert.equal(await rules(b), before);
      await join(b.host);
      await waitForPing(a.pod, b.pod.address);
    });
  }

  for (const chain of ['FORWARD', 'DOCKER-USER']) {
    it(`what others drop in ${chain} stays dropped, and the rest is accepted`, async () => {
      const { a, b, c } = network();
      if (chain === 'DOCKER-USER') await write(b, FOREIGN.Docker);
      await write(b, ['-P FORWARD DROP', `-I ${chain} -s ${a.pod.address} -j DROP`]);
      await join(b.host);
      assert.equal(await reaches(), 0);
      assert.equal(await ping(c.pod, b.pod.address), 1);
    });
  }

  it('a chain of Docker that nothing passes is no place', async () => {
    const { b } = network();
    await write(b, ['-P FORWARD DROP', '-N DOCKER-USER']);
    await join(b.host);
    for (const rule of ours('FORWARD')) assert.match(await rules(b), rule);
    assert.equal(await reaches(), 1);
  });

  it('what cannot be read is said by join and teardown', async () => {
    const { b } = network();
    await write(b, ['-P FORWARD DROP']);
    const hide = `mount --bind /bin/false $(command -v ${command})`;
    const said = async (words: string) =>
      (await b.host.shell(`unshare -m sh -c '${hide}; exec tartan ${words}'`)).stderr;
    assert.match(await said('join'), new RegExp(`FORWARD of ${command} .*cannot be told`));
    assert.match(await said('teardown --keep-lease'), /cannot be told/);
    await join(b.host);
    await waitForPing(network().a.pod, b.pod.address);
  });

  it('nothing drops: nothing is added; switched off: what there is goes', async () => {
    const { b } = network();
    await write(b, ['-A FORWARD -i eth9 -j DROP']);
    assert.equal((await join(b.host)).changed, false);
    await write(b, ['-P FORWARD DROP']);
    assert.equal((await join(b.host)).changed, true);
    assert.equal((await join(b.host, 'false')).changed, true);
    assert.doesNotMatch(await rules(b), /tartan/);
  });

  it('flushed, half deleted, and left behind by Docker that has come: watch puts it right', async () => {
    const { b } = network();
    await write(b, ['-P FORWARD DROP']);
    await using watch = b.host.startTartan(['watch', '--iptables-resync', '1']);
    const isIn = (chain: string) => async () => {
      const text = await rules(b);
      return ours(chain).every((rule) => rule.test(text));
    };
    await waitFor('it is accepted', isIn('FORWARD'));
    await write(b, ['-F FORWARD']);
    await waitFor('it is accepted again', isIn('FORWARD'));
    await write(b, ['-D FORWARD 2']);
    await waitFor('it is whole again', isIn('FORWARD'));
    await write(b, ['-N DOCKER-USER', '-I FORWARD -j DOCKER-USER']);
    await waitFor('it has moved', isIn('DOCKER-USER'));
    await waitFor('it is in one place', async () => !(await isIn('FORWARD')()));
    assert.equal(await reaches(), 1);
    assert.equal((await watch.stop()).code, 0);
  });
}

/** A lab for a suite. */
function labOf(carrier: Carrier): { network(): Network } {
  let created: Network | undefined;
  before(async () => {
    created = await createNetwork({ name: 'forward' }, carrier);
  });
  after(() => created?.lab.destroy());
  return { network: () => created ?? assert.fail('there is no lab') };
}

async function join(host: Member['host'], wanted = 'true'): Promise<JoinReport> {
  const env = { FLANNELD_IPTABLES_FORWARD_RULES: wanted };
  return JSON.parse((await host.tartan(['join'], { env })).stdout) as JoinReport;
}
