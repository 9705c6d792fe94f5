import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { backoffMs, jitter } from '../src/jitter.ts';

const drawn = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const share = fc.double({ min: 0, max: 1, noNaN: true });
const span = fc.nat(100_000_000);

test('jitter stays within its bounds, and never lengthens', () => {
  fc.assert(
    fc.property(span, share, drawn, (longestMs, part, random) => {
      const ms = jitter(longestMs, part, random);
      assert(ms <= longestMs && ms >= longestMs * (1 - part) * 0.999_999, `${ms} of ${longestMs}`);
    }),
  );
});

test('jitter spreads those who drew evenly over all of the share', () => {
  fc.assert(
    fc.property(span, share, fc.integer({ min: 2, max: 200 }), (longestMs, part, nodes) => {
      const all = Array.from({ length: nodes }, (_, n) => jitter(longestMs, part, n / nodes));
      const step = (longestMs * part) / nodes;
      all.slice(1).forEach((ms, n) => {
        assert(Math.abs((all[n] ?? 0) - ms - step) <= longestMs * 1e-9, `${all[n]}, ${ms}`);
      });
    }),
  );
});

test('what is never stays never', () => {
  assert.equal(jitter(Number.POSITIVE_INFINITY, 0.1, 0.5), Number.POSITIVE_INFINITY);
});

test('backoff doubles up to its limit, and half of it is left to chance', () => {
  fc.assert(
    fc.property(fc.nat(2_000), drawn, (attempt, random) => {
      const wait = backoffMs(attempt, { firstMs: 50, limitMs: 5_000 }, random);
      const full = Math.min(50 * 2 ** attempt, 5_000);
      assert(wait >= full / 2 && wait <= full, `${wait} of ${full}`);
    }),
  );
});
