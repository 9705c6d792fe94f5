/** `--ip-masq` under real traffic: who sees whom, whatever carries the packets. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { waitFor } from '../../lab/ready.ts';
import { runScript, startScript } from '../../lab/script.ts';
import type { JoinReport } from '../../src/agent/join.ts';
import type { Carrier } from '../carriers/contract.ts';
import { HOST_GW, HOST_GW_FAST } from '../carriers/host_gw.ts';
import { UDP } from '../carriers/udp.ts';
import { VXLAN, VXLAN_FAST, VXLAN_KERNEL } from '../carriers/vxlan.ts';
import { createNetwork, type Member, type Network } from '../dataplane/network.ts';
import { missing } from '../dataplane/requirements.ts';
import { ask, PROTOCOLS, startServer } from '../fastpath/talk.ts';

const GROUP_ENDS = `${import.meta.dirname}/tools/group.ts`;
const PORT = 7000;
const GROUP = '239.77.0.1';
const MASQUERADE = { env: { FLANNELD_IP_MASQ: 'true' } };

const skip = (await missing()) || false;

for (const carrier of [VXLAN, VXLAN_FAST, VXLAN_KERNEL, UDP, HOST_GW, HOST_GW_FAST]) {
  describe(`masquerade, ${carrier.name}`, { skip }, () => testSources(carrier));
}

function testSources(carrier: Carrier): void {
  let created: Network | undefined;
  const network = (): Network => created ?? assert.fail('there is no lab');
  before(async () => {
    created = await createNetwork({ name: 'masquerade' }, carrier);
    // Where conntrack is a module, the first loads it, and the second loads the programs anew, which can ask it then.
    for (const { host } of created.members) await join(host).then(() => join(host));
  });
  after(() => created?.lab.destroy());

  it('is said in subnet.env, and again changes nothing', async () => {
    const { a } = network();
    const { changed, mode } = await join(a.host);
    assert.deepEqual([changed, mode], [false, carrier.mode]);
    assert.match(readFileSync(a.host.subnetFile, 'utf8'), /^FLANNEL_IPMASQ=true$/m);
  });

  for (const protocol of PROTOCOLS) {
    it(`${protocol}: pod → pod of another host, as it is`, async () => {
      const { a, b } = network();
      assert.equal(await seenBy(b, a.pod, protocol), a.pod.address);
    });

    it(`${protocol}: pod → outside, by the address of its host`, async () => {
      const { a, stranger } = network();
      const to = { address: stranger.address, port: PORT };
      await using _ = await startServer(stranger.namespace, to, 'outside');
      const { seen } = await ask(a.pod, protocol, to);
      assert.equal(seen, a.host.address);
    });

    it(`${protocol}: outside → pod, by its host: as it is`, async () => {
      const { a, stranger } = network();
      await stranger.namespace.exec(['ip', 'route', 'replace', a.subnet, 'via', a.host.address]);
      assert.equal(await seenBy(a, stranger.namespace, protocol), stranger.address);
    });

    it(`${protocol}: outside → pod, by another host: by that one's address`, async () => {
      const { a, b, stranger } = network();
      await stranger.namespace.exec(['ip', 'route', 'replace', b.subnet, 'via', a.host.address]);
      assert.equal(await seenBy(b, stranger.namespace, protocol), a.speaksFrom);
    });
  }

  it('multicast keeps its source, and what is beside it does not', async () => {
    const { a, stranger } = network();
    await using hearing = startScript(stranger.namespace, [
      ...[GROUP_ENDS, 'hear', GROUP, `${PORT}`, stranger.address],
    ] as [string, ...string[]]);
    await waitFor('the group is joined', () => hearing.stdout() !== '');
    const source = a.gateway;
    await runScript(a.host, [GROUP_ENDS, 'send', GROUP, `${PORT}`, source, a.host.address]);
    assert.equal((await hearing.ended).stdout, `listening\n${source}\n`);

    const to = { address: stranger.address, port: PORT };
    await using _ = await startServer(stranger.namespace, to, 'outside');
    assert.equal((await ask(a.pod, 'udp', to)).seen, a.host.address);
  });

  it('flushed with everything else, it is put back by watch', async () => {
    const { a, stranger } = network();
    await using watch = a.host.startTartan(['watch'], MASQUERADE);
    await waitFor('watch is in step', () => watch.stdout().includes('"synced"'));
    await a.host.exec(['nft', 'flush', 'ruleset']);
    await waitFor('it is there again', async () => (await rulesOf(a)).includes('masquerade'));
    const to = { address: stranger.address, port: PORT };
    await using _ = await startServer(stranger.namespace, to, 'outside');
    assert.equal((await ask(a.pod, 'tcp', to)).seen, a.host.address);
    assert.equal((await watch.stop()).code, 0);
  });

  for (const change of ['flush chain', 'insert rule', 'add rule']) {
    it(`${change}: join puts it right, and status tells`, async () => {
      const { a } = network();
      const before = await rulesOf(a);
      const [, table] = /table ip (tartan-\w+)/.exec(before) ?? [];
      const what = change === 'flush chain' ? '' : ' accept';
      await a.host.shell(`nft ${change} ip ${table} postrouting${what}`);
      const { code, stdout } = await a.host.tartan(['status', '--json'], { mayFail: true });
      assert.equal(code, 1);
      assert.match(stdout, /filter\.write/);
      assert.equal((await join(a.host)).changed, true);
      assert.equal(await rulesOf(a), before);
      assert.equal((await a.host.tartan(['status', '--json'])).code, 0, 'as it was joined');
    });
  }

  it('without the option it goes, and with teardown', async () => {
    const { a, b } = network();
    const { stdout } = await a.host.tartan(['join']);
    assert.equal((JSON.parse(stdout) as JoinReport).changed, true);
    assert.doesNotMatch(await rulesOf(a), /masquerade/);
    assert.match(readFileSync(a.host.subnetFile, 'utf8'), /^FLANNEL_IPMASQ=false$/m);
    await b.host.tartan(['teardown']);
    assert.equal(await rulesOf(b), '');
  });
}

async function join(host: Network['a']['host']): Promise<JoinReport> {
  return JSON.parse((await host.tartan(['join'], MASQUERADE)).stdout) as JoinReport;
}

async function rulesOf({ host }: Member): Promise<string> {
  return (await host.exec(['nft', 'list', 'ruleset'])).stdout;
}

/** Whom a pod sees that is asked. */
async function seenBy(
  to: Member,
  from: Network['stranger']['namespace'],
  protocol: (typeof PROTOCOLS)[number],
): Promise<string> {
  const at = { address: to.pod.address, port: PORT };
  await using _ = await startServer(to.pod, at, to.name);
  const { by, seen } = await ask(from, protocol, at);
  assert.equal(by, to.name);
  return seen;
}
