import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { RunResult } from '../../lab/process.ts';
import {
  ERRNOS,
  type Errno,
  errnoAt,
  isHarmless,
  reasonOf,
  requestsOf,
  runFaulty,
  type Step,
  stepsOf,
} from './faults.ts';
import { createSingles, type Singles } from './singles.ts';
import { join, lacks, teardown } from './support.ts';

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
    const steps = await stepsOf(singles.first, 'join');
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
    const steps = await stepsOf(singles.first, 'teardown');
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
    const steps = await stepsOf(first, 'renew');
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

describe('a request that etcd refuses', { skip: lacks('etcd', 'etcdctl') }, () => {
  let singles: Singles;
  before(async () => {
    singles = await createSingles('lifefailureetcd', 1, 'etcd');
  });
  after(() => singles?.[Symbol.asyncDispose]());

  it('of join, renew and teardown: told, and the next one does it', async () => {
    const { first } = singles;
    const requests = {
      join: await requestsOf(first, 'join'),
      renew: await requestsOf(first, 'renew'),
      teardown: await requestsOf(first, 'teardown'),
    };
    assert.deepEqual(
      Object.values(requests).map(({ length }) => length),
      [2, 3, 2],
    );
    const refuse = async (command: string, { number, name }: Step) => {
      const at = `${command} refused ${name}`;
      const result = await runFaulty(first, command, 'ENOSPC', number);
      if (isHarmless(name, 'ENOSPC')) assert.equal(result.code, 0, at);
      else assertTold(result, 'ENOSPC', at);
      return at;
    };
    await singles.each([0], async (single) => {
      for (const step of requests.join) {
        await single.assertHealed(await refuse('join', step));
        await teardown(first);
      }
      const { subnet } = await join(first);
      for (const step of requests.renew) {
        const at = await refuse('renew', step);
        assert.match(
          (await first.tartan(['renew'])).stdout,
          new RegExp(`"subnet":"${subnet}"`),
          at,
        );
        await single.assertHealed(at);
      }
      for (const step of requests.teardown) {
        await join(first);
        const at = await refuse('teardown', step);
        await first.tartan(['teardown']);
        await single.assertGone(at);
      }
    });
  });
});
