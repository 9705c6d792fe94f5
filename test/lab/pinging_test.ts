import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tallyOf } from '../../lab/pinging.ts';

const answer = (seconds: number, number: number) =>
  `[${seconds.toFixed(6)}] 64 bytes from 10.5.1.2: icmp_seq=${number} ttl=62 time=0.055 ms\n`;

test('counts what was answered, and when what was not was sent', () => {
  const printed = `PING 10.5.1.2 (10.5.1.2) 56(84) bytes of data.
${answer(100, 1)}From 10.5.2.1 icmp_seq=2 Destination Host Unreachable
${answer(100.2, 3)}${answer(100.9, 4)}${answer(101, 5)}${answer(101, 5)}${answer(101.5, 10)}`;
  assert.deepEqual(tallyOf(printed, 100), {
    answered: 5,
    lost: 5,
    gaps: [
      { from: 100_000, to: 100_200, lost: 1 },
      { from: 101_000, to: 101_500, lost: 4 },
    ],
    answeredAt: 101_500,
  });
  assert.equal(tallyOf('PING 10.5.1.2 (10.5.1.2) 56(84) bytes of data.\n', 100).answeredAt, null);
});

test('an answer that overtakes another is no loss, nor is a ping that nobody has waited for', () => {
  const printed = `${answer(100.1, 2)}${answer(100.2, 1)}no answer yet for icmp_seq=3\n`;
  assert.deepEqual(tallyOf(printed, 100).gaps, []);
});
