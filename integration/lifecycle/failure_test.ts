import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { RunResult } from '../../lab/process.ts';
import {
  ERRNOS,
  type Errno,
  errnoAt,
  isHarmless,
  reasonOf,
  runFaulty,
  stepsOf,
  tellingSteps,
} from './faults.ts';
import { createSingles, type Singles } from './singles.ts';
import { join, teardown } from './support.ts';

/** Two lines: what has failed, and what to do. */
function assertTold({ code, stdout, stderr }: RunResult, errno: Errno, at: string): void {
  assert.notEqual(code, 0, at);
  assert.equal(stdout, '', at);
  assert.match(stderr, /^tartan: .+\n.+\n$/, at);
  assert.doesNotMatch(stderr, /this should not happen/, at);
  assert.match(stderr, reasonOf(errno), at);
}

describe('a step that fails', () => {
  let singles: Singles;
  before(async () => {
    singles = await createSingles('lifefailure', 3);
  });
  after(() => singles?.[Symbol.asyncDispose]());

  it('of join: told, and the next join heals it', async () => {
    const steps = tellingSteps(await stepsOf(singles.first, 'join'));
    await teardown(singles.first);
    await singles.each(steps, async (single, step) => {
      const errno = errnoAt(step);
      const at = `${errno} at step ${step.number}, ${step.name}`;
      assertTold(await runFaulty(single.host, 'join', errno, step.number), errno, at);
      await single.assertHealed(at);
      await single.host.tartan(['teardown']);
      await single.assertGone(at);
    });
  });

  it('of teardown: told, and the next teardown removes the rest', async () => {
    await join(singles.first);
    const steps = tellingSteps(await stepsOf(singles.first, 'teardown'));
    await singles.each(steps, async (single, step) => {
      const errno = errnoAt(step);
      const at = `${errno} at step ${step.number}, ${step.name}`;
      await single.host.tartan(['join']);
      const result = await runFaulty(single.host, 'teardown', errno, step.number);
      if (!isHarmless(step.name, errno)) assertTold(result, errno, at);
      await single.host.tartan(['teardown']);
      await single.assertGone(at);
    });
  });

  it('of renew: told, and the lease is as it was', async () => {
    const { first } = singles;
    await join(first);
    const steps = tellingSteps(await stepsOf(first, 'renew'));
    assert(steps.length > 0);
    for (const { number, name } of steps) {
      for (const errno of ERRNOS) {
        assertTold(await runFaulty(first, 'renew', errno, number), errno, name);
        assert.equal((await join(first)).changed, false, name);
      }
    }
    await teardown(first);
  });
});
