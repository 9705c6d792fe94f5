/** A generation takes the place of another while packets flow. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { createLab, type Lab } from '../../lab/lab.ts';
import { attachPods } from '../../lab/pod.ts';
import { waitForPing } from '../../lab/traffic.ts';
import { readTrafficOf } from '../../src/bpf/counters.ts';
import { programId } from '../../src/bpf/generation.ts';
import { readPeers } from '../../src/bpf/peer_maps.ts';
import { formatIpv4 } from '../../src/net/ipv4.ts';
import { formatPrefix, prefixOf } from '../../src/net/prefix.ts';
import type { DesiredState } from '../../src/plan/state.ts';
import { type Fingerprint, fingerprint } from '../lifecycle/fingerprint.ts';
import { type Member, memberAt } from './member.ts';
import { readSources } from './peer_tables.ts';
import { missing } from './requirements.ts';
import { CONFIG, desiredOf, leaseOf, MEANS, ownLease, withSettings } from './samples.ts';

describe('live replacement', { skip: missing() }, () => {
  let lab: Lab;
  let members: readonly [Member, Member];
  let desired: readonly [DesiredState, DesiredState];
  before(async () => {
    lab = await createLab({ name: 'kernelswap', underlay: 'pair', pods: 1 });
    const [a, b] = [lab.host('a'), lab.host('b')];
    members = [memberAt(a), memberAt(b)];
    desired = [desiredOf(a, { peers: [ownLease(b)] }), desiredOf(b, { peers: [ownLease(a)] })];
    await members[0].converge(desired[0]);
    await members[1].converge(desired[1]);
    await attachPods(a, { gateway: '10.5.10.1/24', mtu: 1450 });
    await attachPods(b, { gateway: '10.5.11.1/24', mtu: 1450 });
    await waitForPing(podOf('a'), podOf('b').address);
  });
  after(() => lab?.destroy());

  function podOf(host: string) {
    const [pod] = lab.host(host).pods;
    assert(pod);
    return pod;
  }

  it('keeps the links, fills the new maps first, and unpins the old ones last', async () => {
    const host = lab.host('a');
    const [member] = members;
    const before = fingerprint(host);
    const [old] = (await member.observe()).generations.keys();
    const wanted = withSettings(desired[0], { subnetCount: 300 });
    const ops = await member.plan(wanted);
    assert.deepEqual(
      ops.map(({ op }) => op),
      [
        ...['bpf.load', 'settings.write', 'peers.write', 'traffic.copy'],
        ...[...Array(3).fill('bpf.attach'), 'bpf.unload'],
      ],
    );
    for (const op of ops) {
      if (op.op === 'bpf.attach') {
        const { generations, attachments } = await member.observe();
        const next = generations.get(op.generation);
        assert.deepEqual(next?.peers, wanted.dataplane.peers);
        assert.deepEqual(next?.settings, wanted.dataplane.settings);
        assert.equal(attachments.length, 3, 'no program is ever off');
      }
      if (op.op === 'bpf.unload') assert.equal(op.generation, old);
      await member.apply(op);
    }
    const now = fingerprint(host);
    assert.deepEqual(linkIds(now), linkIds(before));
    const [fresh] = (await member.observe()).generations.keys();
    assert.notEqual(fresh, old);
    assert.deepEqual(
      Object.keys(now.pins),
      Object.keys(before.pins).map((path) => path.replace(`${old}`, `${fresh}`)),
    );
    for (const { program, device, hook } of wanted.dataplane.attachments) {
      const id = programId(member.pins, `${fresh}`, program);
      assert.deepEqual(now.attached[`${device} ${hook}`], [id]);
    }
    await member.converge(desired[0]);
  });

  it('loses no packet, whichever side it is on', async () => {
    const count = 800;
    await using pinging = podOf('a').start([
      ...['ping', '-n', '-q', '-i', '0.002', '-c', `${count}`, '-W', '2'],
      podOf('b').address,
    ]);
    let ended = false;
    void pinging.ended.then(() => {
      ended = true;
    });
    let replaced = 0;
    while (!ended) {
      for (const [side, member] of members.entries()) {
        const state = desired[side];
        assert(state);
        await member.converge(withSettings(state, { subnetCount: 300 + (replaced % 2) }));
      }
      replaced += 1;
      // Nothing else waits: the end of the pings would not be heard.
      await setImmediate();
    }
    const { stdout } = await pinging.ended;
    assert(replaced >= 1, `replaced ${replaced} times`);
    assert.match(
      stdout,
      new RegExp(`${count} packets transmitted, ${count} received, 0% packet loss`),
    );
  });

  it('3,000 leases of another length find room while packets flow, under either numbering', async () => {
    const [member] = members;
    const [a, b] = [lab.host('a'), lab.host('b')];
    const others = Array.from({ length: 3000 }, (_, number) =>
      leaseOf(
        formatPrefix(prefixOf(0x0a05_4000 + 4 * number, 30)),
        formatIpv4(0xac10_0000 + number),
      ),
    );
    const peers = [ownLease(b), ...others];
    await using pinging = podOf('a').start([
      ...['ping', '-n', '-q', '-i', '0.002', '-W', '2'],
      podOf('b').address,
    ]);
    for (const config of [CONFIG, { ...CONFIG, SubnetLen: 26 }]) {
      const ops = await member.converge(desiredOf(a, { config, peers }));
      const load = ops.find((op) => op.op === 'bpf.load');
      assert.equal(load?.irregularPlaces, 4096);
      using maps = await member.openMaps();
      const found = readPeers(maps);
      assert.equal(found.size, peers.length);
      assert.equal(found.get('10.5.110.220/30')?.publicIp, '172.16.11.183');
      assert.equal(readSources(maps).size, peers.length);
      const traffic = readTrafficOf(maps, '10.5.11.0/24');
      assert(traffic && traffic.sent_packets > 10, 'what was counted is kept');
    }
    const { stdout } = await pinging.stop('SIGINT');
    const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(stdout) ?? [];
    assert(Number(sent) > 20 && Number(sent) - Number(received) <= 1, stdout);
    await member.converge(desired[0]);
  });
});

/** Without the programs' ids, which change. */
function linkIds({ pins }: Fingerprint): Record<string, string> {
  const links = Object.entries(pins).filter(([path]) => path.includes('/links/vxlan'));
  assert.equal(links.length, MEANS === 'tcx' ? 3 : 0);
  return Object.fromEntries(links.map(([path, ids]) => [path, /link_id \d+/.exec(ids)?.[0] ?? '']));
}
