/** The same with more that can happen: minutes, `make model`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeCounterexample, explore } from './explore.ts';
import { LARGE } from './scenarios.ts';

for (const scenario of LARGE) {
  test(scenario.name, async (t) => {
    const { counterexample, states, steps } = await explore(scenario, undefined, 5_000_000);
    t.diagnostic(`${states} states, ${steps} steps`);
    assert.equal(
      counterexample,
      null,
      counterexample ? describeCounterexample(counterexample) : '',
    );
  });
}
