/** Programs by tc's clsact, beside what other people have there. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { inNamespace } from '../../lab/in_namespace.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { ping, waitForPing } from '../../lab/traffic.ts';
import { readAttached } from '../../src/bpf/attach.ts';
import type { AttachmentMeans } from '../../src/plan/dataplane.ts';
import type { Hook } from '../../src/sys/bpf_links.ts';
import { createClsact, type Filter, listClsact, listFilters, putFilter } from '../../src/sys/tc.ts';
import { type Fingerprint, fingerprint } from '../lifecycle/fingerprint.ts';
import {
  assertAllRun,
  type Bystander,
  enableStatistics,
  indexOf,
  loadBystander,
} from './bystander.ts';
import { type Member, memberAt } from './member.ts';
import { missing, needsTcx } from './requirements.ts';
import { DEVICE, desiredOf, ownLease, withSettings } from './samples.ts';

const OURS = { priority: 8472, handle: 116 } as const;

describe('clsact', { skip: missing() }, () => {
  let lab: Lab;
  let host: Host;
  let member: Member;
  let bare: Fingerprint;
  const wish = (by: 'tcx' | 'clsact') => desiredOf(host, { peers: [ownLease(lab.host('b'))], by });
  before(async () => {
    lab = await createLab({ name: 'kernelclsact', underlay: 'pair', pods: 0 });
    host = lab.host('a');
    member = memberAt(host);
    bare = fingerprint(host);
    const b = lab.host('b');
    await memberAt(b).converge(desiredOf(b, { peers: [ownLease(host)], by: 'clsact' }));
  });
  after(() => lab?.destroy());
  afterEach(async () => {
    await member.clear();
    assert.deepEqual(fingerprint(host), bare);
  });

  const filtersOn = (device: string, hook: Hook): Filter[] =>
    inNamespace(host, () => listFilters({ ifindex: indexOf(device), hook }));
  const means = (): Set<AttachmentMeans> =>
    new Set(inNamespace(host, () => readAttached(member.pins)).map(({ by }) => by));

  async function assertCarries(): Promise<void> {
    await waitForPing(host, '10.5.11.0');
  }

  it('carries packets, is replaced in place, and leaves nothing', async () => {
    await member.converge(wish('clsact'));
    await assertCarries();
    const [filter] = filtersOn('eth0', 'ingress');
    assert(filter);
    const { programId, ...rest } = filter;
    assert.deepEqual(rest, { kind: 'bpf', name: 'tartan:default:vxlan_receive', ...OURS });
    assert.deepEqual(means(), new Set(['clsact']));
    await member.converge(withSettings(wish('clsact'), { subnetCount: 300 }));
    const after = filtersOn('eth0', 'ingress');
    assert.equal(after.length, 1);
    assert.notEqual(after[0]?.programId, programId);
    await assertCarries();
  });

  for (const [name, damage] of [
    ['a filter', 'tc filter delete dev eth0 ingress pref 8472'],
    ['the qdisc', 'tc qdisc delete dev eth0 clsact'],
    ['all pins', 'rm -r $BPFFS/tartan'],
  ] as const) {
    it(`${name} is removed: put right, once`, async () => {
      await member.converge(wish('clsact'));
      await host.shell(damage.replace('$BPFFS', host.bpffs));
      assert.notDeepEqual(await member.converge(wish('clsact')), []);
      assert.equal(filtersOn('eth0', 'ingress').length, 1);
      await assertCarries();
      await member.clear();
      // Whose the qdisc is stands beside the pins.
      if (name === 'all pins') await host.shell('tc qdisc delete dev eth0 clsact');
    });
  }

  it("others' filters before and behind ours run, and stay with their qdisc", async () => {
    using _ = enableStatistics();
    using early = bystander('eth0', 'ingress', 1);
    using late = bystander('eth0', 'ingress', 9000);
    using outward = bystander('eth0', 'egress', 1);
    await member.converge(wish('clsact'));
    using inner = bystander(DEVICE, 'ingress', 9000);
    await assertCarries();
    await assertAllRun({ early, late, outward, inner }, async () => {
      assert.equal(await ping(host, lab.host('b').address), 1, 'the underlay');
      assert.equal(await ping(host, '10.5.11.0'), 1, 'the overlay');
    });
    assert.deepEqual(
      filtersOn('eth0', 'ingress').map(({ priority }) => priority),
      [1, 8472, 9000],
    );
    await member.clear();
    assert.deepEqual(
      filtersOn('eth0', 'ingress').map(({ priority }) => priority),
      [1, 9000],
    );
    await host.shell('tc qdisc delete dev eth0 clsact');
  });

  it('a qdisc of somebody else’s without filters is not ours to delete', async () => {
    await host.shell('tc qdisc add dev eth0 clsact');
    await member.converge(wish('clsact'));
    await member.clear();
    assert.equal(inNamespace(host, listClsact).length, 1);
    await host.shell('tc qdisc delete dev eth0 clsact');
  });

  it('one that we made stays while somebody has filters on it', async () => {
    await member.converge(wish('clsact'));
    using _ = bystander('eth0', 'egress', 5);
    await member.clear();
    assert.equal(filtersOn('eth0', 'egress').length, 1);
    await host.shell('tc qdisc delete dev eth0 clsact');
  });

  it('an ingress qdisc serves as well, on the side that it has', async () => {
    await host.shell('tc qdisc add dev eth0 ingress');
    await member.converge(wish('clsact'));
    await assertCarries();
    await member.clear();
    assert.deepEqual(
      inNamespace(host, listClsact).map(({ kind }) => kind),
      ['ingress'],
    );
    await host.shell('tc qdisc delete dev eth0 ingress');
  });

  it('where somebody has our priority, the next one is taken', async () => {
    using _ = bystander('eth0', 'ingress', OURS.priority);
    await member.converge(wish('clsact'));
    assert.deepEqual(
      filtersOn('eth0', 'ingress').map(({ priority, handle }) => [priority, handle]),
      [
        [8472, 116],
        [8473, 116],
      ],
    );
    await assertCarries();
    await member.clear();
    await host.shell('tc qdisc delete dev eth0 clsact');
  });

  it(
    'moves from TCX to clsact and back, the new one before the old one goes',
    needsTcx,
    async () => {
      await member.converge(wish('tcx'));
      assert.deepEqual(means(), new Set(['tcx']));
      for (const by of ['clsact', 'tcx'] as const) {
        for (const op of await member.plan(wish(by))) {
          await member.apply(op);
          const { attachments } = await member.observe();
          const programs = new Set(attachments.map(({ program }) => program));
          assert.equal(programs.size, 3, 'no program is ever off');
        }
        assert.deepEqual(await member.plan(wish(by)), []);
        assert.deepEqual(means(), new Set([by]));
        await assertCarries();
      }
    },
  );

  /** Somebody's filter, on a qdisc of theirs if there is none yet. */
  function bystander(device: string, hook: Hook, priority: number): Bystander {
    const program = loadBystander();
    inNamespace(host, () => {
      const place = { ifindex: indexOf(device), hook };
      createClsact(place.ifindex);
      putFilter(place, { priority, handle: OURS.handle }, { ...program, name: 'somebody' });
    });
    return program;
  }
});
