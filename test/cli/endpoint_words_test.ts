import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEndpointWords } from '../../src/cli/endpoint_words.ts';
import { TartanError } from '../../src/errors.ts';

test('each action has its words', () => {
  assert.deepEqual(readEndpointWords(['list']), { action: 'list' });
  assert.deepEqual(readEndpointWords(['add', 'v1', '10.5.1.2']), {
    action: 'add',
    interface: 'v1',
    address: '10.5.1.2',
  });
  assert.deepEqual(readEndpointWords(['remove', 'v1']), {
    action: 'remove',
    interface: 'v1',
    address: null,
  });
});

const wrong: readonly (readonly [words: string[], message: RegExp])[] = [
  [['grow'], /"grow" is nothing/],
  [['toString'], /"toString" is nothing/],
  [['add'], /add lacks a word/],
  [['add', 'v1'], /add lacks a word/],
  [['remove'], /remove lacks a word/],
  [['list', 'v1'], /takes neither/],
];

for (const [words, message] of wrong) {
  test(`endpoint ${words.join(' ')} is wrong use`, () => {
    assert.throws(
      () => readEndpointWords(words),
      (error) =>
        error instanceof TartanError && error.code === 'USAGE' && message.test(error.message),
    );
  });
}
