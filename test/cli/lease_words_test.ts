import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readLeaseWords } from '../../src/cli/lease_words.ts';
import { TartanError } from '../../src/errors.ts';
import { parsePrefix } from '../../src/net/prefix.ts';

const SUBNET = parsePrefix('10.5.52.0/24');

test('each action has its words', () => {
  assert.deepEqual(readLeaseWords(['list']), { action: 'list' });
  assert.deepEqual(readLeaseWords(['show', '10.5.52.0/24']), { action: 'show', subnet: SUBNET });
  assert.deepEqual(readLeaseWords(['release', '10.5.52.0/24']), {
    action: 'release',
    subnet: SUBNET,
  });
  assert.deepEqual(readLeaseWords(['reserve', '10.5.52.0/24', '192.168.64.3']), {
    action: 'reserve',
    subnet: SUBNET,
    publicIp: '192.168.64.3',
  });
  assert.deepEqual(readLeaseWords(['reserve', '10.5.52.0/24']), {
    action: 'reserve',
    subnet: SUBNET,
    publicIp: null,
  });
});

const wrong: readonly (readonly [words: string[], message: RegExp])[] = [
  [['grow'], /"grow" is nothing/],
  [['toString'], /"toString" is nothing/],
  [['list', '10.5.52.0/24'], /takes no subnet/],
  [['show'], /lacks the subnet/],
  [['reserve'], /lacks the subnet/],
  [['release', ''], /lacks the subnet/],
  [['release', '10.5.52.0/24', '192.168.64.3'], /a subnet alone, and "192\.168\.64\.3"/],
  [['show', '10.5.52.0'], /"10\.5\.52\.0" is not an IPv4 prefix/],
  [['show', '10.5.52.0-24'], /"10\.5\.52\.0-24" is not an IPv4 prefix/],
  [['reserve', '10.5.52.7/24', '192.168.64.3'], /"10\.5\.52\.7\/24" is an address in 10\.5\.52\.0/],
  [['reserve', '192.168.64.3', '10.5.52.0/24'], /"192\.168\.64\.3" is not an IPv4 prefix/],
  [['reserve', '10.5.52.0/24', 'node-7'], /"node-7" is not an IPv4 address/],
  [['reserve', '10.5.52.0/24', '127.0.0.1'], /"127\.0\.0\.1" is not the address of a host/],
  [['reserve', '10.5.52.0/24', ''], /"" is not an IPv4 address/],
];

for (const [words, message] of wrong) {
  test(`lease ${words.join(' ')} is wrong use`, () => {
    assert.throws(
      () => readLeaseWords(words),
      (error) =>
        error instanceof TartanError && error.code === 'USAGE' && message.test(error.message),
    );
  });
}
