import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TartanError } from '../../src/errors.ts';
import { isMac, normalizeMac, randomMac } from '../../src/net/mac.ts';
import { aMac } from '../arbitraries.ts';

test('every spelling of a MAC address gives lower case with colons', () => {
  for (const text of ['c6:d2:32:6f:8f:44', 'C6-D2-32-6F-8F-44', 'C6d2.326f.8F44']) {
    assert.equal(isMac(text), true);
    assert.equal(normalizeMac(text), 'c6:d2:32:6f:8f:44');
  }
  fc.assert(fc.property(aMac, (mac) => normalizeMac(mac.toUpperCase()) === mac));
});

for (const text of [
  ...['', 'c6:d2:32:6f:8f', 'c6:d2:32:6f:8f:44:55', 'c6:d2:32-6f:8f:44', 'c6d2326f8f44'],
  ...['g6:d2:32:6f:8f:44', 'c6:d2:32:6f:8f:4', ' c6:d2:32:6f:8f:44', '02:00:5e:10:00:00:00:01'],
]) {
  test(`${JSON.stringify(text)} is not a MAC address`, () => {
    assert.equal(isMac(text), false);
    assert.throws(
      () => normalizeMac(text),
      (error) =>
        error instanceof TartanError && error.code === 'USAGE' && error.message.includes(text),
    );
  });
}

test('a random MAC address is locally administered and unicast, whatever the bytes', () => {
  const octets = fc.uint8Array({ minLength: 6, maxLength: 6 });
  fc.assert(
    fc.property(octets, (bytes) => {
      const mac = randomMac(() => bytes);
      const first = Number.parseInt(mac.slice(0, 2), 16);
      assert.equal(mac, normalizeMac(mac));
      assert.equal(first & 0b11, 0b10);
      assert.equal(first & 0xfc, (bytes[0] ?? 0) & 0xfc);
      assert.equal(
        mac.slice(3),
        Buffer.from(bytes.slice(1)).toString('hex').replace(/..\B/g, '$&:'),
      );
    }),
  );
});

test('two random MAC addresses differ', () => {
  assert.notEqual(randomMac(), randomMac());
});
