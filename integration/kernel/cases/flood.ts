/** Programs are replaced, again and again, while as many packets flow as can be: not one is lost. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Host } from '../../../lab/host.ts';
import { createLab, type Lab } from '../../../lab/lab.ts';
import { PATIENCE } from '../../../lab/patience.ts';
import { attachPods, hostDevice, type Pod } from '../../../lab/pod.ts';
import { waitForPing } from '../../../lab/traffic.ts';
import { readCounters, readTrafficOf } from '../../../src/bpf/counters.ts';
import type { Endpoint, ObjectName } from '../../../src/plan/dataplane.ts';
import type { DesiredState } from '../../../src/plan/state.ts';
import { compileVariant, OTHER_BUILD, type Variant } from '../../bpf/compile.ts';
import { type Carrier, isFast } from '../../carriers/contract.ts';
import { buildTools, sendDatagrams, sendTcp } from '../../dataplane/senders.ts';
import { readSnmp } from '../../dataplane/snmp.ts';
import { type Member, memberAt } from '../member.ts';
import { becomeVersion, LATER } from '../other_version.ts';
import { missing, needsTcx } from '../requirements.ts';
import { desiredOf, MEANS, ownLease } from '../samples.ts';

const DATAGRAMS = { count: Math.ceil(400_000 / PATIENCE ** 2), bytes: 64 };
const MEGABYTES = 400;

type Means = 'tcx' | 'clsact';

const WAYS = {
  'by TCX': ['tcx'],
  'by clsact': ['clsact'],
  'from one to the other and back': ['tcx', 'clsact'],
} as const satisfies Record<string, readonly Means[]>;

/** The cable between the two hosts, where the backend wants to know what is on it. */
const ON_LINK = { destination: '192.168.77.0/24', via: null, device: 'eth0', metric: 0 };

export function testReplacement(carrier: Carrier, ways: readonly (keyof typeof WAYS)[]): void {
  describe(`replacement under full load, ${carrier.name}`, { skip: missing() }, () => {
    const cleanUp = new AsyncDisposableStack();
    let lab: Lab;
    let object: ObjectName;
    let variant: Variant;
    let later: Variant;
    let pods: readonly [Pod, Pod];
    const endpoints = new Map<string, Endpoint>();
    before(async () => {
      await buildTools();
      lab = cleanUp.use(await createLab({ name: 'kernelflood', underlay: 'pair', pods: 1 }));
      for (const host of lab.hosts) {
        const mtu = 1500 - carrier.overhead;
        await attachPods(host, { gateway: `10.5.${host.address.split('.').at(-1)}.1/24`, mtu });
        if (isFast(carrier)) endpoints.set(host.name, await endpointOf(host));
        await memberAt(host).converge(wish(host, MEANS));
      }
      object = wish(lab.host('a'), MEANS).dataplane?.object ?? assert.fail('no programs');
      variant = cleanUp.use(compileVariant(OTHER_BUILD, object));
      later = cleanUp.use(compileVariant(LATER, object));
      const [a, b] = lab.hosts.map((host) => host.pods[0]);
      assert(a && b);
      pods = [a, b];
      await waitForPing(a, b.address);
    });
    after(() => cleanUp.disposeAsync());

    function wish(host: Host, by: Means): DesiredState {
      const { config } = carrier;
      const other = lab.host(host.name === 'a' ? 'b' : 'a');
      const endpoint = endpoints.get(host.name);
      return desiredOf(host, {
        ...{ config, by, peers: [ownLease(other, config)] },
        ...(carrier.tunnel === null && { routes: [ON_LINK] }),
        ...(endpoint && { endpoints: [endpoint] }),
      });
    }

    /** Does it on both hosts, in turn, until the work is done; returns how often. */
    async function repeatDuring(
      work: Promise<unknown>,
      replace: (host: Host, round: number) => Promise<unknown>,
    ): Promise<number> {
      let isDone = false;
      const ended = work.finally(() => {
        isDone = true;
      });
      ended.catch(() => {}); // The caller looks at it.
      let count = 0;
      while (!isDone) {
        for (const host of lab.hosts) await replace(host, count);
        count += 1;
        // Nothing else waits: the end of the work would not be heard.
        await setImmediate();
      }
      return count;
    }

    /** By another build and by that of the checkout in turn, and by one means after the other. */
    const replaceDuring = (work: Promise<unknown>, means: readonly Means[]) =>
      repeatDuring(work, async (host, round) => {
        const member = memberAt(host, round % 2 === 0 ? { [object]: variant } : {});
        const by = means[round % means.length] ?? 'tcx';
        await member.apply(...(await member.plan(wish(host, by))));
      });

    async function assertLosesNoDatagram(
      replace: (work: Promise<unknown>) => Promise<number>,
      { isCounted = true } = {},
    ) {
      const [from, to] = pods;
      const before = readSnmp(to);
      const counted = await counts();
      const sending = sendDatagrams(from, to, DATAGRAMS);
      const replaced = await replace(sending);
      const report = await sending;
      const now = readSnmp(to);
      const rise = (name: string) => now(name) - before(name);
      // A full socket buffer is the receiver's own affair.
      const arrived = rise('Udp.InDatagrams') + rise('Udp.RcvbufErrors');
      assert.equal(arrived, DATAGRAMS.count, `${replaced} replacements; ${JSON.stringify(report)}`);
      const { sent, received, reasons } = await counts();
      assert.equal(reasons, counted.reasons, 'dropped, or left to the host');
      if (!isCounted) return replaced;
      assert(sent - counted.sent >= DATAGRAMS.count, 'counted where they left');
      assert(received - counted.received >= DATAGRAMS.count, 'and where they came in');
      return replaced;
    }

    /** Of what is beside the fast way: a pod whose MAC was forgotten, for one. */
    async function counts() {
      const [a, b]: readonly Member[] = lab.hosts.map((host) => memberAt(host));
      assert(a && b);
      using left = await a.openMaps();
      using right = await b.openMaps();
      const reasons = [left, right].map((maps) =>
        Object.entries(readCounters(maps)).filter(([name]) => /^(drop|host)_/.test(name)),
      );
      return {
        sent: readTrafficOf(left, '10.5.11.0/24')?.sent_packets ?? 0,
        received: readTrafficOf(right, '10.5.10.0/24')?.received_packets ?? 0,
        reasons: JSON.stringify(reasons),
      };
    }

    it('without replacement: none is lost, so there is nothing that hides behind it', async () => {
      await assertLosesNoDatagram(async () => 0);
    });

    for (const name of ways) {
      const means: readonly Means[] = WAYS[name];
      const skip = means.includes('tcx') ? needsTcx : {};
      it(`${name}: no datagram is lost`, skip, async () => {
        // A device loses packets when it gets a clsact qdisc, whoever makes it: so it has one by now.
        for (const by of [means[0], means.at(-1)])
          for (const host of lab.hosts) await memberAt(host).converge(wish(host, by ?? 'tcx'));
        const replaced = await assertLosesNoDatagram((work) => replaceDuring(work, means));
        assert(replaced >= (PATIENCE > 1 ? 1 : 4), `${replaced} replacements`);
      });

      it(`${name}: a TCP stream arrives whole`, skip, async () => {
        const [from, to] = pods;
        const before = readSnmp(from);
        const sending = sendTcp(from, to, { address: to.address, port: 5201 }, MEGABYTES);
        const replaced = await replaceDuring(sending, means);
        const { sent, received } = await sending;
        assert.deepEqual(received, sent);
        assert(replaced >= (PATIENCE > 1 ? 1 : 2), `${replaced} replacements`);
        const now = readSnmp(from);
        // Loss probes and reordering make it send again without any loss; timeouts do not come from those.
        assert.equal(now('TcpExt.TCPTimeouts') - before('TcpExt.TCPTimeouts'), 0, 'timeouts');
      });
    }

    it('a later version with maps of another layout, and back: none is lost, and nothing is written', async () => {
      for (const host of lab.hosts) await memberAt(host).converge(wish(host, MEANS));
      const written = new Set<string>();
      // What is counted between the copy of the counters and the replacement is lost.
      const replaced = await assertLosesNoDatagram(
        (work) =>
          repeatDuring(work, async (host) => {
            const state = wish(host, MEANS);
            await becomeVersion(host, state, later);
            for (const { op } of await memberAt(host).converge(state)) written.add(op);
          }),
        { isCounted: false },
      );
      assert(replaced >= 1, `${replaced} replacements`);
      assert.deepEqual([...written], ['bpf.load', 'bpf.attach', 'bpf.unload']);
    });
  });
}

/** The host's end of its first pod's cable. */
async function endpointOf(host: Host): Promise<Endpoint> {
  const device = hostDevice(0);
  const { stdout } = await host.exec(['ip', '-json', 'link', 'show', device]);
  const [link] = JSON.parse(stdout) as { address: string }[];
  const { address } = host.pods[0] ?? assert.fail('no pod');
  return { address, device, gatewayMac: link?.address ?? assert.fail(`no ${device}`) };
}
