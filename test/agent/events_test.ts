import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHerald, type WatchEvent } from '../../src/agent/events.ts';

function heraldAndMessages() {
  const events: WatchEvent[] = [];
  const herald = createHerald(
    (event) => events.push(event),
    () => 0,
  );
  return { herald, messages: () => events.map(({ message }) => message) };
}

test('a trouble of several tasks is told once', () => {
  const { herald, messages } = heraldAndMessages();
  herald.trouble('peers', 'no room');
  herald.trouble('reconciliation', 'no room');
  herald.trouble('peers', 'no room');
  assert.deepEqual(messages(), ['no room']);
  herald.trouble('peers', 'no device');
  assert.deepEqual(messages(), ['no room', 'no device']);
});

test('a trouble is over once every task that had it has succeeded, and then is told again', () => {
  const { herald, messages } = heraldAndMessages();
  herald.trouble('peers', 'no room');
  herald.trouble('reconciliation', 'no room');
  herald.relief('peers');
  herald.trouble('peers', 'no room');
  assert.deepEqual(messages(), ['no room']);
  herald.relief('peers');
  herald.relief('reconciliation');
  herald.trouble('peers', 'no room');
  assert.deepEqual(messages(), ['no room', 'no room']);
});
