import assert from 'node:assert/strict';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import type { StoreKind } from '../../lab/options.ts';
import { type Fingerprint, fingerprint } from './fingerprint.ts';
import { initConfig, join, storedLeases } from './support.ts';
import { assertWhole } from './whole.ts';

export interface Single {
  readonly lab: Lab;
  readonly host: Host;
  /** Checks that the host is as it was before its first join, and has no lease. */
  assertGone(at: string): Promise<void>;
  /** Joins, and checks that the host has all that it needs and nothing else. */
  assertHealed(at: string): Promise<void>;
}

/** Labs of one host, each with a store of its own: what the others do is no change for it. */
export interface Singles extends AsyncDisposable {
  readonly all: readonly Single[];
  /** Of the first. */
  readonly first: Host;
  /**
   * Shares the work out to the hosts, which take it at the same time; tells of all that failed.
   * @param check leaves its host without a join
   */
  each<T>(work: readonly T[], check: (single: Single, one: T) => Promise<void>): Promise<void>;
}

/** @param name of up to 15 letters and digits */
export async function createSingles(
  name: string,
  count: number,
  store: StoreKind = 'file',
): Promise<Singles> {
  const singles: Single[] = [];
  for (let number = 1; number <= count; number += 1) {
    const lab = await createLab({ name: `${name}${number}`, hosts: 1, pods: 0, store });
    await initConfig(lab);
    singles.push(singleOf(lab));
  }
  const [one] = singles;
  assert(one);
  return {
    all: singles,
    first: one.host,
    async each(work, check) {
      const waiting = [...work];
      const failures: unknown[] = [];
      await Promise.all(
        singles.map(async (single) => {
          for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
            await check(single, next).catch(async (error: unknown) => {
              failures.push(error);
              await single.host.tartan(['join'], { mayFail: true });
              await single.host.tartan(['teardown'], { mayFail: true });
            });
          }
        }),
      );
      if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('\n'));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(singles.map(({ lab }) => lab.destroy()));
    },
  };
}

function singleOf(lab: Lab): Single {
  const host = lab.host('a');
  const untouched: Fingerprint = fingerprint(host);
  return {
    lab,
    host,
    async assertGone(at) {
      assert.deepEqual(fingerprint(host), untouched, at);
      assert.deepEqual(await storedLeases(lab), [], at);
    },
    async assertHealed(at) {
      try {
        await assertWhole(lab, host, await join(host));
      } catch (cause) {
        throw new Error(`not healed when ${at}: ${cause}`, { cause });
      }
    },
  };
}
