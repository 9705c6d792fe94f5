import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TartanError } from '../../src/errors.ts';
import { formatIpv4, isIpv4, parseIpv4 } from '../../src/net/ipv4.ts';
import { anAddress } from '../arbitraries.ts';

test('an address survives being written and read', () => {
  fc.assert(fc.property(anAddress, (address) => parseIpv4(formatIpv4(address)) === address));
});

test('addresses are unsigned 32-bit numbers', () => {
  assert.equal(parseIpv4('0.0.0.0'), 0);
  assert.equal(parseIpv4('10.0.0.1'), 0x0a00_0001);
  assert.equal(parseIpv4('255.255.255.255'), 0xffff_ffff);
  assert.equal(formatIpv4(0xc0a8_4003), '192.168.64.3');
});

const INVALID = [
  ...['', '10', '10.0.0', '10.0.0.0.1', '256.0.0.1', '10.0.0.300', '010.0.0.1', '10.0.0.01'],
  ...['0x0a.0.0.1', '-1.0.0.1', '10.0.0.1 ', ' 10.0.0.1', '10.0.0.1\n', '10..0.1', '1e1.0.0.1'],
  ...['10.0.0.1/24', '::ffff:10.0.0.1', '१.1.1.1', '10.0.0.00'],
];

for (const text of INVALID) {
  test(`${JSON.stringify(text)} is not an address`, () => {
    assert.equal(isIpv4(text), false);
    assert.throws(
      () => parseIpv4(text),
      (error) =>
        error instanceof TartanError && error.code === 'USAGE' && error.message.includes(text),
    );
  });
}

test('what is read as an address is written the same', () => {
  const nearlyAddress = fc
    .array(fc.constantFrom('.', '0', '1', '25', '255', '256', '9', ' ', 'a'), { maxLength: 9 })
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(
      fc.oneof(nearlyAddress, fc.ipV4(), fc.string()),
      (text) => !isIpv4(text) || formatIpv4(parseIpv4(text)) === text,
    ),
  );
});
