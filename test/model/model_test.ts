/**
 * The protocol of joining, renewing, expiring and coming back, with all that can happen in between, in every order. The
 * nodes run the code's own functions; CONTRIBUTING.md has the how and why.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as bugs from './bugs.ts';
import { describeCounterexample, type Exploration, explore } from './explore.ts';
import type { Protocol } from './protocol.ts';
import { SCENARIOS } from './scenarios.ts';
import type { Scenario } from './world.ts';

/** A scenario in which what it is about never happened shows nothing. */
const TELLING: Record<keyof typeof SCENARIOS, readonly RegExp[]> = {
  cut: [/expires$/, /hears of everything anew: lost$/],
  lostReplies: [/^a: create .*reply is lost/, /^b: renew .*reply is lost/],
  clock: [/put back by a day/, /put on by a day/, /^a: renew .*→ revision/],
  death: [/reboots/, /^a: renew .*→ revision/],
  resync: [/hears of everything anew$/],
  restore: [/is restored/, /hears of everything anew: lost$/],
  reservation: [/is to leave$/, /^a: renew .*until never$/],
  deletion: [/^somebody removes/, /: lost$/],
  move: [/has the address/, /is killed/, /^a: renew .*reply is lost/],
  exhaustion: [/^b: create .*→ nothing/, /^a: remove .*→ done/, /^b: remove .*→ done/],
};

function assertSound({ name }: Scenario, { counterexample, states }: Exploration): void {
  const found = counterexample && describeCounterexample(counterexample);
  assert.equal(counterexample, null, `${name}, after ${states} states:\n${found}`);
}

describe('whatever happens', () => {
  for (const [key, scenario] of Object.entries(SCENARIOS)) {
    test(scenario.name, async (t) => {
      const exploration = await explore(scenario);
      t.diagnostic(`${exploration.states} states, ${exploration.steps} steps`);
      assertSound(scenario, exploration);
      for (const telling of TELLING[key as keyof typeof SCENARIOS]) {
        const happened = [...exploration.seen].some((what) => telling.test(what));
        assert(happened, `never happened: ${telling}`);
      }
    });
  }
});

const SOWN: readonly [what: string, bug: Protocol, scenario: Scenario, flaw: RegExp][] = [
  ['a blind put', bugs.blindPut, SCENARIOS.cut, /two live owners/],
  ['a stale revision', bugs.staleRevision, SCENARIOS.cut, /two live owners/],
  ['a renewal that does not ask whose it is', bugs.anybodysLease, SCENARIOS.cut, /two live owners/],
  ['a dropped lease', bugs.droppedLease, SCENARIOS.lostReplies, /kept contact/],
  [
    'the own lease removed on resync',
    bugs.ownLeaseRemovedOnResync,
    SCENARIOS.resync,
    /kept contact, and is told that .* is lost/,
  ],
  [
    'a reservation given a TTL',
    bugs.endingReservation,
    SCENARIOS.reservation,
    /reservation .* has got an end/,
  ],
  ['renewal by a clock that steps', bugs.clockStep, SCENARIOS.clock, /kept contact/],
];

describe('the model finds', () => {
  for (const [what, bug, scenario, flaw] of SOWN) {
    test(what, async (t) => {
      const { counterexample } = await explore(scenario, bug);
      assert(counterexample, 'not found');
      const story = describeCounterexample(counterexample);
      for (const line of story.split('\n')) t.diagnostic(line);
      assert.match(counterexample.flaws.join('\n'), flaw, story);
    });
  }
});
