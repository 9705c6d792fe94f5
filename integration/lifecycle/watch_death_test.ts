import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
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
  tellingSteps,
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
    const names = await live(first);
    steps = tellingSteps(names).filter(({ name }) => name !== 'flock');
    assert(steps.length > 20, names.join('\n'));
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
  async function live(single: Single, errno?: Errno, number = 0): Promise<string[]> {
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
    const names = readFileSync(path, 'utf8').trimEnd().split('\n');
    rmSync(path);
    // Peers may come before the device or behind it: what a step is, is known afterwards.
    const name = names[number - 1];
    if (errno !== undefined && name !== undefined && !isHarmless(name, errno))
      assert.match(stdout, new RegExp(`"error".*${reasonOf(errno).source}`), name);
    return names;
  }

  it('a step that fails: told by an event, and done again', async () => {
    await singles.each(steps, async (single, step) => {
      await live(single, errnoAt(step), step.number);
    });
  });

  it('killed in front of a step or behind it: the next join or watch mends all', async () => {
    await singles.each(steps, async (single, { number, name }) => {
      const { host } = single;
      const fault = number % 2 === 0 ? 'SIGKILL before' : 'SIGKILL after';
      await of(single).prepare();
      const watching = await startWatch(host, [], { env: faultEnv(fault, number) });
      await of(single).disturb();
      await Promise.race([watching.running.ended, delay(1500, undefined, { ref: false })]);
      await watching.running.stop('SIGKILL');
      const at = `${fault} step ${number}, ${name}`;
      if (number % 4 < 2) {
        await host.tartan(['join']);
        await of(single).assertMended();
      } else {
        await using _ = await startWatch(host);
        await waitUntilMended(single, at);
      }
    });
  });
});
