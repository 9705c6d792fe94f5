import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { RunResult } from '../../lab/process.ts';
import { waitFor } from '../../lab/ready.ts';
import { requestsOf, runFaulty, startFaulty, stepsOf } from './faults.ts';
import { createSingles, type Singles } from './singles.ts';
import { join, lacks, teardown } from './support.ts';

/** Each other step in the other order. */
function sidesAt(number: number) {
  const sides = ['SIGKILL before', 'SIGKILL after'] as const;
  return number % 2 === 1 ? sides : ([sides[1], sides[0]] as const);
}

function assertKilled({ code, stdout }: RunResult, at: string): void {
  assert.equal(stdout, '', at);
  assert.notEqual(code, 0, at);
}

describe('a command that is killed', () => {
  let singles: Singles;
  before(async () => {
    singles = await createSingles('lifedeath', 3);
  });
  after(() => singles?.[Symbol.asyncDispose]());

  it('join, in front of and behind each step: teardown removes it, and the next join heals it', async () => {
    const steps = await stepsOf(singles.first, 'join');
    await teardown(singles.first);
    assert(steps.length > 25, `${steps.length} steps`);
    await singles.each(steps, async (single, { number, name }) => {
      const { host } = single;
      const [first, second] = sidesAt(number);
      const at = `${first} step ${number}, ${name}`;
      assertKilled(await runFaulty(host, 'join', first, number), at);
      await host.tartan(['teardown']);
      await single.assertGone(at);
      const then = `${second} step ${number}, ${name}`;
      assertKilled(await runFaulty(host, 'join', second, number), then);
      await single.assertHealed(then);
      await host.tartan(['teardown']);
      await single.assertGone(then);
    });
  });

  it('teardown, in front of and behind each step: the next teardown removes the rest, or a join heals it', async () => {
    await join(singles.first);
    const steps = await stepsOf(singles.first, 'teardown');
    assert(steps.length > 10, `${steps.length} steps`);
    await singles.each(steps, async (single, { number, name }) => {
      const { host } = single;
      const [first, second] = sidesAt(number);
      const at = `${first} step ${number}, ${name}`;
      await host.tartan(['join']);
      assertKilled(await runFaulty(host, 'teardown', first, number), at);
      await single.assertHealed(at);
      const then = `${second} step ${number}, ${name}`;
      assertKilled(await runFaulty(host, 'teardown', second, number), then);
      await host.tartan(['teardown']);
      await single.assertGone(then);
    });
  });

  it('renew, in front of and behind each step: the lease stays this host’s, and the next one renews it', async () => {
    const { first } = singles;
    const { subnet } = await join(first);
    const steps = await stepsOf(first, 'renew');
    assert(steps.length > 0);
    for (const { number, name } of steps) {
      for (const fault of sidesAt(number)) {
        const at = `${fault} step ${number}, ${name}`;
        assertKilled(await runFaulty(first, 'renew', fault, number), at);
        const { stdout } = await first.tartan(['renew']);
        assert.match(stdout, new RegExp(`"subnet":"${subnet}"`), at);
      }
    }
    await teardown(first);
  });

  it('join, at any moment', async () => {
    await singles.each([40, 70, 100, 130, 160, 190], async (single, milliseconds) => {
      const running = single.host.startTartan(['join']);
      await delay(milliseconds);
      await running.stop('SIGKILL');
      await single.assertHealed(`killed after ${milliseconds} ms`);
      await single.host.tartan(['teardown']);
      await single.assertGone(`after ${milliseconds} ms`);
    });
  });

  for (const [signal, status, steps] of [
    ['SIGINT', 130, [1, 5, 9, 17, 25, 30]],
    ['SIGTERM', 143, [3, 13, 21]],
  ] as const) {
    it(`join by ${signal}: ends with ${status}, says so, and is healed`, async () => {
      await singles.each(steps, async (single, step) => {
        const { host } = single;
        const { code, stdout, stderr } = await runFaulty(host, 'join', `${signal} before`, step);
        // What was done already when the signal came is done.
        if (code === 0) assert.match(stdout, /"changed":true/);
        else {
          assert.equal(code, status, stderr);
          assert.match(stderr, /^tartan: interrupted before it was done\n.*tartan teardown/);
        }
        await single.assertHealed(`${signal} at step ${step}`);
        await host.tartan(['teardown']);
        await single.assertGone(`${signal} at step ${step}`);
      });
    });
  }

  it('run by SIGTERM, in front of each step of its join: ends with 0 in good time, and is healed', async () => {
    const steps = await stepsOf(singles.first, 'join');
    await teardown(singles.first);
    await singles.each(steps, async (single, { number, name }) => {
      const at = `SIGTERM before step ${number}, ${name}`;
      const running = startFaulty(single.host, 'run', 'SIGTERM before', number);
      let code: number | null = null;
      running.ended.then((result) => {
        code = result.code;
      });
      await waitFor(`${at}: it has ended`, () => code !== null);
      assert.equal(code, 0, `${at}: ${running.stderr()}`);
      await single.assertHealed(at);
      await single.host.tartan(['teardown']);
      await single.assertGone(at);
    });
  });
});

describe('a command that is killed while it writes to etcd', {
  skip: lacks('etcd', 'etcdctl'),
}, () => {
  let singles: Singles;
  before(async () => {
    singles = await createSingles('lifedeathetcd', 1, 'etcd');
  });
  after(() => singles?.[Symbol.asyncDispose]());

  /** In front of and behind each request, a row for each. */
  async function faultsOf(command: string) {
    const requests = await requestsOf(singles.first, command);
    return requests.flatMap(({ number, name }) =>
      sidesAt(1).map((fault) => ({ fault, number, at: `${fault} ${name}` })),
    );
  }

  it('join and teardown: one lease in the end, and none', async () => {
    const [joins, teardowns] = [await faultsOf('join'), await faultsOf('teardown')];
    assert.deepEqual([joins.length, teardowns.length], [4, 4]);
    await singles.each([0, 1, 2, 3], async (single, index) => {
      const [joining, leaving] = [joins[index], teardowns[index]];
      assert(joining && leaving);
      const { host } = single;
      assertKilled(await runFaulty(host, 'join', joining.fault, joining.number), joining.at);
      await single.assertHealed(joining.at);
      assertKilled(await runFaulty(host, 'teardown', leaving.fault, leaving.number), leaving.at);
      await host.tartan(['teardown']);
      await single.assertGone(leaving.at);
    });
  });

  it('renew: the lease stays this host’s, and the next one renews it', async () => {
    const { first } = singles;
    const { subnet } = await join(first);
    const renewals = await faultsOf('renew');
    assert.equal(renewals.length, 6);
    for (const { fault, number, at } of renewals) {
      assertKilled(await runFaulty(first, 'renew', fault, number), at);
      assert.match((await first.tartan(['renew'])).stdout, new RegExp(`"subnet":"${subnet}"`), at);
    }
    await singles.each(['renew'], (single, at) => single.assertHealed(at));
  });
});
