import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatBytes } from '../../src/cli/quantities.ts';

test('bytes have three digits and the unit that they take', () => {
  const expected = {
    0: '0 B',
    999: '999 B',
    1000: '1.00 kB',
    1454: '1.45 kB',
    999499: '999 kB',
    999500: '1.00 MB',
    12345678: '12.3 MB',
    9007199254740991: '9.01 PB',
  };
  for (const [bytes, text] of Object.entries(expected)) {
    assert.equal(formatBytes(Number(bytes)), text);
  }
});

test('whatever their number, they are never more than 999 of a unit, nor by an exponent', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (bytes) => {
      assert.match(formatBytes(bytes), /^(\d{1,3}|\d\.\d\d|\d\d\.\d) ([kMGTP]?B)$/);
    }),
  );
});
