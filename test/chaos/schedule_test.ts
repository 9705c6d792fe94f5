import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ActKind, describePlanned, durationOf, hostsOf } from '../../chaos/acts.ts';
import { planSchedule } from '../../chaos/schedule.ts';

const HOSTS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const settings = fc.record({
  seed: fc.integer(),
  seconds: fc.integer({ min: 1, max: 300 }),
  hosts: fc.constantFrom(HOSTS, HOSTS.slice(0, 2), HOSTS.slice(0, 1)),
});

test('a schedule is the same for the same seed, and another for another', () => {
  fc.assert(
    fc.property(settings, (wanted) => {
      assert.deepEqual(planSchedule(wanted), planSchedule(wanted));
    }),
  );
  const schedules = [1, 2, 3, 4].map((seed) =>
    JSON.stringify(planSchedule({ seed, seconds: 60, hosts: HOSTS })),
  );
  assert.equal(new Set(schedules).size, 4);
});

test('acts are in order, over in time, and one at a time on a host', () => {
  fc.assert(
    fc.property(settings, (wanted) => {
      const busyUntil = new Map<string, number>();
      let before = 0;
      for (const planned of planSchedule(wanted)) {
        const { atMs, act } = planned;
        const endMs = atMs + durationOf(act);
        assert(atMs >= before && endMs <= wanted.seconds * 1000, describePlanned(planned));
        for (const host of hostsOf(act)) {
          assert(wanted.hosts.includes(host), host);
          assert((busyUntil.get(host) ?? 0) <= atMs, describePlanned(planned));
          busyUntil.set(host, endMs);
        }
        assert.equal(new Set(hostsOf(act)).size, hostsOf(act).length);
        before = atMs;
      }
    }),
  );
});

test('in a minute much happens, and over some seeds everything', () => {
  const kinds = new Set<ActKind>();
  for (let seed = 1; seed <= 5; seed += 1) {
    const schedule = planSchedule({ seed, seconds: 60, hosts: HOSTS });
    assert(schedule.length >= 30, `${schedule.length} acts with seed ${seed}`);
    for (const { act } of schedule) kinds.add(act.kind);
  }
  assert.equal(kinds.size, 14, [...kinds].join(' '));
});
