import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { backoffMs, pause } from '../../src/store/pause.ts';

test('backoff doubles up to its limit, with half of it at random', () => {
  fc.assert(
    fc.property(fc.nat(1_000), (attempt) => {
      const wait = backoffMs(attempt, 50, 5_000);
      const full = Math.min(50 * 2 ** attempt, 5_000);
      assert.ok(wait >= full / 2 && wait <= full, `${wait} of ${full}`);
    }),
  );
});

test('a pause ends when its signal aborts', async () => {
  const stopping = new AbortController();
  const paused = pause(60_000, stopping.signal);
  stopping.abort();
  await paused;
  await pause(60_000, stopping.signal);
});
