import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createLab, type Lab } from '../../lab/lab.ts';
import type { RunResult } from '../../lab/process.ts';
import { type Fingerprint, fingerprint } from './fingerprint.ts';
import { countSteps, runKilled } from './killing.ts';
import { initConfig, join, storedLeases, teardown } from './support.ts';
import { assertWhole } from './whole.ts';

function assertKilled({ code, stdout }: RunResult, at: string): void {
  assert.equal(stdout, '', at);
  assert.notEqual(code, 0, at);
}

function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

describe('a command that is killed', () => {
  /** One host each, with a store of its own: what the others do is no change for it. */
  const labs: Lab[] = [];
  const untouched = new Map<Lab, Fingerprint>();
  before(async () => {
    for (const name of ['lifekilled1', 'lifekilled2', 'lifekilled3']) {
      const lab = await createLab({ name, hosts: 1, pods: 0 });
      labs.push(lab);
      await initConfig(lab);
      untouched.set(lab, fingerprint(lab.host('a')));
    }
  });
  after(() => Promise.all(labs.map((lab) => lab.destroy())));

  /** @param isLeaseKnown false: nobody has written down yet that there is one, so that only a join can find it */
  async function assertGone(lab: Lab, at: string, isLeaseKnown = true): Promise<void> {
    const { files, ...rest } = fingerprint(lab.host('a'));
    const { files: filesBefore, ...before } = untouched.get(lab) ?? assert.fail();
    assert.deepEqual(rest, before, at);
    assert.deepEqual(files, filesBefore, at);
    if (isLeaseKnown) assert.deepEqual(await storedLeases(lab), [], at);
  }

  /** Shares the steps out to the labs, which take them at the same time; tells of all that failed. */
  async function atEachStep(
    steps: readonly number[],
    check: (lab: Lab, step: number) => Promise<void>,
  ): Promise<void> {
    const waiting = [...steps];
    const failures: unknown[] = [];
    await Promise.all(
      labs.map(async (lab) => {
        for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
          await check(lab, step).catch(async (error: unknown) => {
            failures.push(error);
            await lab.host('a').tartan(['join']);
            await lab.host('a').tartan(['teardown']);
          });
        }
      }),
    );
    if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('\n'));
  }

  async function assertHealed(lab: Lab, at: string): Promise<void> {
    const host = lab.host('a');
    try {
      await assertWhole(lab, host, await join(host));
    } catch (cause) {
      throw new Error(`not healed when ${at}`, { cause });
    }
  }

  it('join, at each step: teardown removes it, and the next join heals it', async () => {
    const first = labs[0]?.host('a');
    assert(first);
    const steps = await countSteps(first, 'join');
    await teardown(first);
    assert(steps > 25, `${steps} steps`);
    await atEachStep(upTo(steps), async (lab, step) => {
      const host = lab.host('a');
      const at = `killed in front of step ${step} of ${steps}`;
      assertKilled(await runKilled(host, 'join', step), at);
      const isLeaseKnown = existsSync(`${host.stateDir}/default/state.json`);
      await host.tartan(['teardown']);
      await assertGone(lab, at, isLeaseKnown);
      assertKilled(await runKilled(host, 'join', step), at);
      await assertHealed(lab, at);
      await host.tartan(['teardown']);
      await assertGone(lab, at);
    });
  });

  it('teardown, at each step: the next teardown removes the rest, or a join heals it', async () => {
    const first = labs[0]?.host('a');
    assert(first);
    await join(first);
    const steps = await countSteps(first, 'teardown');
    assert(steps > 10, `${steps} steps`);
    await atEachStep(upTo(steps), async (lab, step) => {
      const host = lab.host('a');
      const at = `killed in front of step ${step} of ${steps}`;
      await host.tartan(['join']);
      assertKilled(await runKilled(host, 'teardown', step), at);
      if (step % 2 === 0) {
        await assertHealed(lab, at);
      }
      await host.tartan(['teardown']);
      await assertGone(lab, at);
    });
  });

  it('join, at any moment', async () => {
    await atEachStep([40, 70, 100, 130, 160, 190], async (lab, milliseconds) => {
      const host = lab.host('a');
      const running = host.startTartan(['join']);
      await delay(milliseconds);
      await running.stop('SIGKILL');
      await assertHealed(lab, `killed after ${milliseconds} ms`);
      await host.tartan(['teardown']);
      await assertGone(lab, `after ${milliseconds} ms`);
    });
  });

  for (const [signal, status, steps] of [
    ['SIGINT', 130, [1, 5, 9, 17, 25, 30]],
    ['SIGTERM', 143, [3, 13, 21]],
  ] as const) {
    it(`join by ${signal}: ends with ${status}, says so, and is healed`, async () => {
      await atEachStep(steps, async (lab, step) => {
        const host = lab.host('a');
        const { code, stdout, stderr } = await runKilled(host, 'join', step, signal);
        // What was done already when the signal came is done.
        if (code === 0) assert.match(stdout, /"changed":true/);
        else {
          assert.equal(code, status, stderr);
          assert.match(stderr, /^tartan: interrupted before it was done\n.*tartan teardown/);
        }
        await assertHealed(lab, `${signal} at step ${step}`);
        await host.tartan(['teardown']);
        await assertGone(lab, `${signal} at step ${step}`);
      });
    });
  }
});
