/** A run that ends anywhere leaves what the next run heals, and what a teardown removes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { folderOf } from '../../lab/names.ts';
import type { Op } from '../../src/plan/op.ts';
import { type DesiredState, nothing } from '../../src/plan/state.ts';
import { faultEnv } from '../lifecycle/faults.ts';
import { type Fingerprint, fingerprint } from '../lifecycle/fingerprint.ts';
import { type Member, memberAt } from './member.ts';
import { missing } from './requirements.ts';
import { CONFIG, desiredOf, leaseOf } from './samples.ts';

const APPLY_OPS = `${import.meta.dirname}/apply_ops.ts`;

describe('a run that is cut short', { skip: missing() }, () => {
  let lab: Lab;
  let host: Host;
  let member: Member;
  let bare: Fingerprint;
  let one: DesiredState;
  /** With the same device; and with another. */
  let other: DesiredState;
  let replaced: DesiredState;
  before(async () => {
    lab = await createLab({ name: 'kernelcut', hosts: 1, pods: 0 });
    host = lab.host('a');
    member = memberAt(host);
    bare = fingerprint(host);
    one = desiredOf(host);
    const wish = {
      own: leaseOf('10.5.20.0/24', host.address, '02:00:00:00:00:aa'),
      peers: [leaseOf('10.5.7.0/24', '192.168.77.117')],
    };
    const config = { ...CONFIG, SubnetMax: '10.5.99.0' };
    other = desiredOf(host, { ...wish, config });
    replaced = desiredOf(host, {
      ...wish,
      config: { ...config, Backend: { Type: 'vxlan', Port: 4789 } },
    });
  });
  after(() => lab?.destroy());

  async function assertCleared(at: string): Promise<void> {
    await member.clear();
    assert.deepEqual(fingerprint(host), bare, at);
  }

  /** From `from` towards `to`, in front of each op and behind the last. */
  async function atEachOp(from: DesiredState, to: DesiredState): Promise<void> {
    await member.converge(from);
    const { length } = await member.plan(to);
    assert(length >= 3, `${length} ops`);
    for (let count = 0; count <= length; count += 1) {
      for (const next of [to, nothing]) {
        await member.converge(from);
        await member.apply(...(await member.plan(to)).slice(0, count));
        await member.converge(next);
        if (next === nothing) await assertCleared(`after ${count} ops of ${length}`);
      }
    }
  }

  it('on the way from nothing', () => atEachOp(nothing, one));
  it('on the way to another generation, address, MAC and peers', () => atEachOp(one, other));
  it('on the way to nothing', () => atEachOp(one, nothing));

  /** Runs ops in a process that is killed in front of its step `killAt`; returns how many steps it took if it was not. */
  async function runKilled(ops: readonly Op[], killAt: number): Promise<number | null> {
    const steps = `${folderOf(lab.name)}/steps`;
    const { code } = await host.exec(
      [process.execPath, '--disable-warning=ExperimentalWarning', APPLY_OPS, host.bpffs],
      {
        input: JSON.stringify(ops),
        env: { ...faultEnv('SIGKILL before', killAt), TARTAN_TEST_STEPS: steps },
        mayFail: true,
      },
    );
    if (code === 0) return readFileSync(steps, 'utf8').trimEnd().split('\n').length;
    assert.equal(code, 255, `killed at ${killAt}`);
    return null;
  }

  for (const [name, killed] of [
    ['from nothing', () => [nothing, one]],
    ['to another device', () => [one, replaced]],
  ] as const) {
    it(`by SIGKILL within an op, ${name}`, async () => {
      const [from, to] = killed() as [DesiredState, DesiredState];
      let steps: number | null = null;
      for (let killAt = 1; steps === null; killAt += 4) {
        await member.converge(from);
        steps = await runKilled(await member.plan(to), killAt);
        if (killAt % 2 === 1) await member.converge(to);
        await assertCleared(`killed in front of step ${killAt}`);
      }
      assert(steps > 20, `${steps} steps`);
    });
  }
});
