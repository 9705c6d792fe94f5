/** Programs are replaced, again and again, while as many packets flow as can be: not one is lost. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createLab, type Lab } from '../../lab/lab.ts';
import { attachPods, type Pod } from '../../lab/pod.ts';
import { waitForPing } from '../../lab/traffic.ts';
import { readCounters, readTrafficOf } from '../../src/bpf/counters.ts';
import { builtObject } from '../../src/bpf/object_file.ts';
import type { DesiredState } from '../../src/plan/state.ts';
import { compileVariant, type Variant } from '../bpf/compile.ts';
import { buildTools, sendDatagrams, sendTcp } from '../dataplane/senders.ts';
import { readSnmp } from '../dataplane/snmp.ts';
import { type Member, memberAt } from './member.ts';
import { missing, needsTcx } from './requirements.ts';
import { desiredOf, MEANS, ownLease } from './samples.ts';

const DATAGRAMS = { count: 400_000, bytes: 64 };
const MEGABYTES = 400;

type Means = 'tcx' | 'clsact';

describe('replacement under full load', { skip: missing() }, () => {
  let lab: Lab;
  let variant: Variant;
  let pods: readonly [Pod, Pod];
  before(async () => {
    await buildTools();
    variant = compileVariant([['#define OUTER_TTL 64', '#define OUTER_TTL 63']]);
    lab = await createLab({ name: 'kernelflood', underlay: 'pair', pods: 1 });
    for (const host of lab.hosts) await memberAt(host).converge(wish(host.name, MEANS));
    await attachPods(lab.host('a'), { gateway: '10.5.10.1/24', mtu: 1450 });
    await attachPods(lab.host('b'), { gateway: '10.5.11.1/24', mtu: 1450 });
    const [a, b] = lab.hosts.map((host) => host.pods[0]);
    assert(a && b);
    pods = [a, b];
    await waitForPing(a, b.address);
  });
  after(async () => {
    variant?.[Symbol.dispose]();
    await lab?.destroy();
  });

  function wish(name: string, by: Means): DesiredState {
    const other = lab.host(name === 'a' ? 'b' : 'a');
    return desiredOf(lab.host(name), { peers: [ownLease(other)], by });
  }

  /** Replaces on both hosts until the work is done; returns how often. */
  async function replaceDuring(work: Promise<unknown>, means: readonly Means[]): Promise<number> {
    let isDone = false;
    const ended = work.finally(() => {
      isDone = true;
    });
    ended.catch(() => {}); // The caller looks at it.
    let count = 0;
    while (!isDone) {
      const object = count % 2 === 0 ? variant : builtObject;
      for (const host of lab.hosts) {
        const member = memberAt(host, object);
        const by = means[count % means.length] ?? 'tcx';
        await member.apply(...(await member.plan(wish(host.name, by))));
      }
      count += 1;
    }
    return count;
  }

  async function assertLosesNoDatagram(replace: (work: Promise<unknown>) => Promise<number>) {
    const [from, to] = pods;
    const before = await readSnmp(to);
    const counted = await counts();
    const sending = sendDatagrams(from, to, DATAGRAMS);
    const replaced = await replace(sending);
    const report = await sending;
    const now = await readSnmp(to);
    const rise = (name: string) => now(name) - before(name);
    // A full socket buffer is the receiver's own affair.
    const arrived = rise('Udp.InDatagrams') + rise('Udp.RcvbufErrors');
    assert.equal(arrived, DATAGRAMS.count, `${replaced} replacements; ${JSON.stringify(report)}`);
    const { sent, received, drops } = await counts();
    assert(sent - counted.sent >= DATAGRAMS.count, 'counted where they left');
    assert(received - counted.received >= DATAGRAMS.count, 'and where they came in');
    assert.equal(drops, counted.drops, 'dropped');
    return replaced;
  }

  async function counts() {
    const [a, b]: readonly Member[] = lab.hosts.map((host) => memberAt(host));
    assert(a && b);
    using left = await a.openMaps();
    using right = await b.openMaps();
    const drops = [left, right].map((maps) =>
      Object.entries(readCounters(maps)).filter(([name]) => name.startsWith('drop_')),
    );
    return {
      sent: readTrafficOf(left, '10.5.11.0/24')?.sent_packets ?? 0,
      received: readTrafficOf(right, '10.5.10.0/24')?.received_packets ?? 0,
      drops: JSON.stringify(drops),
    };
  }

  it('without replacement: none is lost, so there is nothing that hides behind it', async () => {
    await assertLosesNoDatagram(async () => 0);
  });

  for (const [name, means] of [
    ['by TCX', ['tcx']],
    ['by clsact', ['clsact']],
    ['from one to the other and back', ['tcx', 'clsact']],
  ] as const) {
    const skip = means.includes('tcx' as never) ? needsTcx : {};
    it(`${name}: no datagram is lost`, skip, async () => {
      // A device loses packets when it gets a clsact qdisc, whoever makes it: so it has one by now.
      for (const host of lab.hosts) await memberAt(host).converge(wish(host.name, means[0]));
      for (const host of lab.hosts)
        await memberAt(host).converge(wish(host.name, means.at(-1) ?? 'tcx'));
      const replaced = await assertLosesNoDatagram((work) => replaceDuring(work, means));
      assert(replaced >= 4, `${replaced} replacements`);
    });

    it(`${name}: a TCP stream arrives whole`, skip, async () => {
      const [from, to] = pods;
      const before = await readSnmp(from);
      const sending = sendTcp(from, to, { address: to.address, port: 5201 }, MEGABYTES);
      const replaced = await replaceDuring(sending, means);
      const { sent, received } = await sending;
      assert.deepEqual(received, sent);
      assert(replaced >= 2, `${replaced} replacements`);
      const now = await readSnmp(from);
      // Loss probes and reordering make it send again without any loss; timeouts do not come from those.
      assert.equal(now('TcpExt.TCPTimeouts') - before('TcpExt.TCPTimeouts'), 0, 'timeouts');
    });
  }
});
