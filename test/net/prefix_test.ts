import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TartanError } from '../../src/errors.ts';
import { MAX_IPV4, parseIpv4 } from '../../src/net/ipv4.ts';
import {
  coverRange,
  formatPrefix,
  lastAddress,
  parsePrefix,
  prefixContains,
  prefixesEqual,
  prefixesOverlap,
  prefixMask,
  prefixOf,
  prefixSize,
} from '../../src/net/prefix.ts';
import { anAddress, aPrefix } from '../arbitraries.ts';

test('a prefix survives being written and read', () => {
  fc.assert(
    fc.property(aPrefix, (prefix) => assert.deepEqual(parsePrefix(formatPrefix(prefix)), prefix)),
  );
});

test('host bits are masked off', () => {
  assert.equal(formatPrefix(parsePrefix('10.5.52.7/24')), '10.5.52.0/24');
  assert.equal(formatPrefix(parsePrefix('255.255.255.255/0')), '0.0.0.0/0');
  assert.equal(formatPrefix(parsePrefix('255.255.255.255/1')), '128.0.0.0/1');
});

for (const text of [
  ...[
    '',
    '10.5.0.0',
    '10.5.0.0/',
    '10.5.0.0/33',
    '10.5.0.0/-1',
    '10.5.0.0/08',
    '10.5.0.0/8/8',
    '10.5.0.0/3a',
    '10.5.0.0/ 8',
    '/24',
    '10.5.0.0/024',
  ],
  ...['10.5.0/16', '/16', '10.5.0.0/16 ', '10.5.0.0/1.5', 'fd00::/64', '10.5.0.0/99'],
]) {
  test(`${JSON.stringify(text)} is not a prefix`, () => {
    assert.throws(
      () => parsePrefix(text),
      (error) =>
        error instanceof TartanError && error.code === 'USAGE' && error.message.includes(text),
    );
  });
}

test('masks and sizes', () => {
  assert.deepEqual(
    [0, 1, 24, 31, 32].map(prefixMask),
    [0, 0x8000_0000, 0xffff_ff00, 0xffff_fffe, 0xffff_ffff],
  );
  assert.deepEqual([0, 1, 24, 32].map(prefixSize), [2 ** 32, 2 ** 31, 256, 1]);
});

test('a prefix contains its addresses and no others', () => {
  fc.assert(
    fc.property(aPrefix, anAddress, (prefix, address) => {
      const inside = address >= prefix.address && address <= lastAddress(prefix);
      assert.equal(prefixContains(prefix, address), inside);
      assert.ok(prefixContains(prefix, prefix.address));
      assert.ok(prefixContains(prefix, lastAddress(prefix)));
    }),
  );
});

test('prefixes overlap exactly if their address ranges do', () => {
  const related = aPrefix.chain((a) =>
    fc.tuple(
      fc.constant(a),
      fc
        .tuple(fc.nat({ max: 64 }), fc.nat({ max: 32 }))
        .map(([up, length]) => prefixOf(Math.min(a.address + up, MAX_IPV4), length)),
    ),
  );
  fc.assert(
    fc.property(fc.oneof(related, fc.tuple(aPrefix, aPrefix)), ([a, b]) => {
      const overlap = a.address <= lastAddress(b) && b.address <= lastAddress(a);
      assert.equal(prefixesOverlap(a, b), overlap);
      assert.equal(prefixesOverlap(b, a), overlap);
      assert.equal(prefixesEqual(a, b), formatPrefix(a) === formatPrefix(b));
    }),
  );
});

const cover = (first: string, last: string) =>
  coverRange(parseIpv4(first), parseIpv4(last)).map(formatPrefix);

test('a range is covered by the fewest prefixes', () => {
  assert.deepEqual(cover('10.5.0.0', '10.5.255.255'), ['10.5.0.0/16']);
  assert.deepEqual(cover('10.5.1.0', '10.5.7.255'), ['10.5.1.0/24', '10.5.2.0/23', '10.5.4.0/22']);
  assert.deepEqual(cover('10.5.1.1', '10.5.1.1'), ['10.5.1.1/32']);
  assert.deepEqual(cover('0.0.0.0', '255.255.255.255'), ['0.0.0.0/0']);
  assert.deepEqual(cover('255.255.255.254', '255.255.255.255'), ['255.255.255.254/31']);
  assert.deepEqual(cover('0.0.0.1', '255.255.255.255').length, 32);
  assert.deepEqual(cover('10.0.0.1', '10.0.0.0'), []);
});

test('a cover is exact and in order, and no two of its prefixes could be one', () => {
  const near = anAddress.chain((first) =>
    fc.tuple(
      fc.constant(first),
      fc.nat({ max: 5000 }).map((up) => Math.min(first + up, MAX_IPV4)),
    ),
  );
  const far = fc
    .tuple(anAddress, anAddress)
    .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
  fc.assert(
    fc.property(fc.oneof(near, far), ([first, last]) => {
      let next = first;
      let previous = null;
      for (const prefix of coverRange(first, last)) {
        assert.equal(prefix.address, next);
        // Disjoint prefixes that cover a range exactly are the fewest if no two siblings are among them.
        const sibling = previous?.length === prefix.length ? previous : null;
        const parent = prefixOf(prefix.address, prefix.length - 1);
        assert.ok(sibling === null || !prefixContains(parent, sibling.address));
        next = lastAddress(prefix) + 1;
        previous = prefix;
      }
      assert.equal(next, last + 1);
    }),
  );
});
