import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fold, sumOf } from '../../src/relay/checksum.ts';
import { allocate } from '../../src/sys/memory.ts';
import { naiveSum } from './packets.ts';

test('at any offset and of any length, the sum is that of the words one after the other', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat({ max: 9 }), (bytes, offset) => {
      const memory = allocate(320);
      memory.bytes.fill(0xa5);
      memory.bytes.set(bytes, offset);
      assert.equal(sumOf(memory, offset, bytes.length) % 0xffff, naiveSum(bytes) % 0xffff);
    }),
    { numRuns: 2000 },
  );
});

test('64 KB of ones lose nothing', () => {
  const memory = allocate(65_536);
  memory.bytes.fill(0xff);
  assert.equal(sumOf(memory, 0, 65_536), 0xffff);
  memory.bytes[65_535] = 0xfe;
  assert.equal(sumOf(memory, 0, 65_536), 0xfffe);
});

test('folding adds the carries in again', () => {
  assert.equal(fold(0), 0);
  assert.equal(fold(0xffff), 0xffff);
  assert.equal(fold(0x1_0000), 1);
  assert.equal(fold(0xffff_ffff), 0xffff);
  assert.equal(fold(2 ** 48), 1);
});
