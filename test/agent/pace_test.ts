import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createPace } from '../../src/agent/pace.ts';

/** A pace whose looks are made by the test, and when they were asked for. */
function paced() {
  const asked: number[] = [];
  const startedAt = performance.now();
  const pace = createPace(() => asked.push(performance.now() - startedAt));
  const fail = () => assert.rejects(pace.look(() => Promise.reject(new Error('no'))));
  return { pace, asked, fail, look: () => pace.look(async () => {}) };
}

async function untilAsked(asked: readonly number[], times: number): Promise<void> {
  const limit = performance.now() + 5000;
  while (asked.length < times) {
    assert(performance.now() < limit, `asked ${asked.length} times`);
    await pause(5);
  }
}

test('news lead to a look at once, and all news before it to that one', async () => {
  const { pace, asked, look } = paced();
  for (let i = 0; i < 100; i += 1) pace.heard();
  await untilAsked(asked, 1);
  assert((asked[0] ?? 0) < 100);
  await look();
  await pause(400);
  assert.equal(asked.length, 1);
});

test('after a look there is a rest, though news go on', async () => {
  const { pace, asked, look } = paced();
  let seen = 0;
  for (const end = performance.now() + 1200; performance.now() < end; await pause(1)) {
    pace.heard();
    if (asked.length === seen) continue;
    seen = asked.length;
    await look();
  }
  pace[Symbol.dispose]();
  assert(seen >= 3 && seen <= 6, `${seen} looks in 1.2 s`);
});

test('a long look is followed by a longer rest, which stays below the time to be in step', async () => {
  const { pace, asked } = paced();
  await pace.look(async () => {
    await pause(90);
  });
  const endedAt = performance.now();
  pace.heard();
  await untilAsked(asked, 1);
  const rest = performance.now() - endedAt;
  assert(rest > 600 && rest < 1000, `${rest} ms`);
});

test('what is told during a look leads to one more', async () => {
  const { pace, asked } = paced();
  await pace.look(async () => pace.heard());
  await untilAsked(asked, 1);
});

test('a look that fails is made again at once if something else changes', async () => {
  const { pace, asked, fail } = paced();
  await fail();
  await pause(200);
  pace.heard();
  await untilAsked(asked, 1);
});

test('what may be the echo of its own steps makes a look that fails be tried again once, not for ever', async () => {
  const { pace, asked, look } = paced();
  const failLoudly = () =>
    assert.rejects(
      pace.look(async () => {
        pace.heard();
        throw new Error('no');
      }),
    );
  await failLoudly();
  await untilAsked(asked, 1);
  await failLoudly();
  pace.heard();
  await pause(500);
  assert.equal(asked.length, 1);
  await look();
  await failLoudly();
  await untilAsked(asked, 2);
});
