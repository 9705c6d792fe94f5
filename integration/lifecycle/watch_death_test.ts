import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '../../lab/ready.ts';
import { type Disturbed, joinToDisturb } from './disturbed.ts';
import {
  type Errno,
  errnoAt,
  faultEnv,
  isHarmless,
  PRELOAD,
  reasonOf,
  type Step,
  takeSteps,
} from './faults.ts';
import { createSingles, type Single, type Singles } from './singles.ts';
import { startWatch } from './watching.ts';

describe('watch, while all is disturbed and mended', () => {
  let singles: Singles;
  const disturbed = new Map<Single, Disturbed>();
  /** Behind the lock, without which it does not start. */
  let steps: readonly Step[];
  before(async () => {
    singles = await createSingles('lifewatchdead', 3);
    for (const single of singles.all) disturbed.set(single, await joinToDisturb(single));
    const [first] = singles.all;
    assert(first);
    steps = (await live(first)).filter(({ name }) => name !== 'flock');
    assert(steps.length > 40, steps.map(({ name }) => name).join('\n'));
  });
  after(() => singles?.[Symbol.asyncDispose]());

  const of = (single: Single) => disturbed.get(single) ?? assert.fail();

  function waitUntilMended(single: Single, at: string): Promise<true> {
    const look = async () => {
      await of(single).assertMended();
      return true as const;
    };
    return waitFor(`mended, ${at}`, look, { everyMilliseconds: 100 });
  }

  /** Until all is mended. @returns the steps that `watch` has taken */
  async function live(single: Single, errno?: Errno, number = 0): Promise<Step[]> {
    const path = `${dirname(single.host.subnetFile)}.steps`;
    const fault = errno === undefined ? { NODE_OPTIONS: PRELOAD } : faultEnv(errno, number);
    await of(single).prepare();
    await using watching = await startWatch(single.host, [], {
      env: { ...fault, TARTAN_TEST_STEPS: path },
    });
    await of(single).disturb();
    await waitUntilMended(single, `${errno} at step ${number}`);
    const { code, stdout } = await watching.running.stop();
    assert.equal(code, 0);
    const taken = takeSteps(path);
    // Peers may come before the device or behind it: what a step is, is known afterwards.
    const name = taken[number - 1]?.name;
    if (errno !== undefined && name !== undefined && !isHarmless(name, errno))
      assert.match(stdout, new RegExp(`"error".*${reasonOf(errno).source}`), name);
    return taken;
  }

  it('a step that fails: told by an event, and done again', async () => {
    await singles.each(steps, async (single, step) => {
      await live(single, errnoAt(step), step.number);
    });
  });

  it('killed in front of and behind each step: the next join or watch mends all', async () => {
    const deaths = steps.flatMap((step) =>
      (['SIGKILL before', 'SIGKILL after'] as const).map((fault) => ({ ...step, fault })),
    );
    await singles.each(deaths, async (single, { number, name, fault }) => {
      const { host } = single;
      await of(single).prepare();
      const watching = await startWatch(host, [], { env: faultEnv(fault, number) });
      await of(single).disturb();
      const at = `${fault} step ${number}, ${name}`;
      const { ended } = watching.running;
      const hasDied = await Promise.race([ended, delay(3000, null, { ref: false })]);
      await watching.running.stop('SIGKILL');
      // A peer that goes takes fewer steps than one that comes.
      assert(hasDied !== null || number > steps.length - 2, `lives on, ${at}`);
      // Of two steps next to each other, all four are tried.
      if (number % 2 === (fault === 'SIGKILL before' ? 0 : 1)) {
        await host.tartan(['join']);
        await of(single).assertMended();
      } else {
        await using _ = await startWatch(host);
        await waitUntilMended(single, at);
      }
    });
  });
});
