import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Disturbance, unexplained, withLastGap } from '../../chaos/disturbances.ts';

const gap = (from: number, to: number) => ({ from, to, lost: 3 });
const flap: Disturbance = {
  hosts: ['a'],
  from: 10_000,
  to: 12_000,
  mendMs: 3_000,
  cause: 'flap a',
};
const judge = (
  gaps: readonly ReturnType<typeof gap>[],
  disturbances: readonly Disturbance[],
  [from, to] = ['a', 'b'] as [string, string],
) =>
  unexplained([{ from, to, tally: { answered: 1, lost: 1, gaps, answeredAt: 0 } }], disturbances)
    .length;

test('nothing may be lost where nothing was done', () => {
  assert.equal(judge([gap(10_000, 10_400)], []), 1);
  assert.equal(judge([gap(10_000, 10_400)], [flap], ['c', 'b']), 1);
  assert.equal(judge([], [flap]), 0);
});

test('what was done explains what is lost while it lasts, and is being mended', () => {
  assert.equal(judge([gap(9_800, 14_900)], [flap]), 0);
  assert.equal(judge([gap(13_000, 14_900)], [flap], ['b', 'a']), 0);
  assert.equal(judge([gap(9_000, 11_000)], [flap]), 1, 'from before');
  assert.equal(judge([gap(14_000, 15_100)], [flap]), 1, 'for longer');
});

test('a cut between two hosts explains nothing of others', () => {
  const cut = { ...flap, hosts: ['a', 'b'] };
  assert.equal(judge([gap(10_000, 11_000)], [cut], ['b', 'a']), 0);
  assert.equal(judge([gap(10_000, 11_000)], [cut], ['a', 'c']), 1);
});

test('one disturbance may follow another', () => {
  const later = { ...flap, hosts: ['b'], from: 14_000, to: 20_000 };
  assert.equal(judge([gap(10_500, 22_500)], [later, flap]), 0);
  assert.equal(judge([gap(10_500, 24_000)], [later, flap]), 1);
});

test('what waits for the store takes as long as it takes, but does not begin anew for ever', () => {
  const lost = { ...flap, mendMs: Number.POSITIVE_INFINITY };
  assert.equal(judge([gap(10_500, 60_000)], [lost]), 0);
  assert.equal(judge([gap(40_000, 40_500)], [lost]), 1);
});

test('pings that nobody answers any more are a gap, and so are those that nobody ever answered', () => {
  const times = { startedAt: 10_000, stoppedAt: 20_000, intervalMs: 200 };
  const tally = { answered: 3, lost: 1, gaps: [gap(11_000, 11_400)], answeredAt: 15_000 };
  assert.deepEqual(withLastGap(tally, times), {
    ...tally,
    lost: 26,
    gaps: [gap(11_000, 11_400), { from: 15_000, to: 20_000, lost: 25 }],
  });
  assert.deepEqual(withLastGap({ ...tally, answeredAt: 19_000 }, times).lost, 1, 'on the way');
  const mute = { answered: 0, lost: 0, gaps: [], answeredAt: null };
  assert.deepEqual(withLastGap(mute, times).gaps, [{ from: 10_000, to: 20_000, lost: 50 }]);
});
