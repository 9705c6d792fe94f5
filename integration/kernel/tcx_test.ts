/** Other people's programs on the same hooks: they stay where they are, and run. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { inNamespace } from '../../lab/in_namespace.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { ping, waitForPing } from '../../lab/traffic.ts';
import type { DesiredState } from '../../src/plan/state.ts';
import { createTcxLink, type Hook, queryTcx } from '../../src/sys/bpf_links.ts';
import { close } from '../../src/sys/libc.ts';
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

describe('TCX', { skip: missing() || needsTcx.skip }, () => {
  let lab: Lab;
  let host: Host;
  let member: Member;
  let desired: DesiredState;
  before(async () => {
    lab = await createLab({ name: 'kerneltcx', underlay: 'pair', pods: 0 });
    host = lab.host('a');
    const b = lab.host('b');
    member = memberAt(host);
    desired = desiredOf(host, { peers: [ownLease(b)] });
    await memberAt(b).converge(desiredOf(b, { peers: [ownLease(host)] }));
  });
  after(() => lab?.destroy());

  function attach(device: string, hook: Hook): Bystander {
    const program = loadBystander();
    const link = inNamespace(host, () => createTcxLink(program.fd, indexOf(device), hook));
    return {
      ...program,
      [Symbol.dispose]() {
        close(link);
        program[Symbol.dispose]();
      },
    };
  }

  const programsOn = (device: string, hook: Hook) =>
    inNamespace(host, () => queryTcx(indexOf(device), hook));

  it("others' programs before and behind ours stay in their places, and run", async () => {
    using _ = enableStatistics();
    using first = attach('eth0', 'ingress');
    await member.converge(desired);
    using last = attach('eth0', 'ingress');
    using outward = attach('eth0', 'egress');
    using inner = attach(DEVICE, 'ingress');
    await waitForPing(host, '10.5.11.0');

    const assertPlaces = () => {
      const [before, ours, behind, ...rest] = programsOn('eth0', 'ingress');
      assert.deepEqual([before, behind, rest], [first.id, last.id, []]);
      assert.deepEqual(programsOn('eth0', 'egress'), [outward.id]);
      assert.equal(programsOn(DEVICE, 'ingress')[1], inner.id);
      return ours;
    };
    const ours = assertPlaces();
    const assertRun = () =>
      assertAllRun({ first, last, outward, inner }, async () => {
        assert.equal(await ping(host, lab.host('b').address), 1, 'the underlay');
        assert.equal(await ping(host, '10.5.11.0'), 1, 'the overlay');
      });
    await assertRun();

    await member.converge(withSettings(desired, { subnetCount: 300 }));
    assert.notEqual(assertPlaces(), ours, 'replaced');
    await assertRun();

    await member.clear();
    assert.deepEqual(programsOn('eth0', 'ingress'), [first.id, last.id]);
    assert.deepEqual(programsOn('eth0', 'egress'), [outward.id]);
    assert.equal(await ping(host, lab.host('b').address), 1);
  });

  it("a program of somebody else's on our hooks is not ours to detach", async () => {
    await member.converge(desired);
    using stranger = attach(DEVICE, 'egress');
    assert.deepEqual(await member.plan(desired), []);
    assert.equal(programsOn(DEVICE, 'egress').at(-1), stranger.id);
    await member.clear();
  });
});
