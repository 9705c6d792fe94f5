import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHerald, type WatchEvent, whyLost } from '../../src/agent/events.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import { leaseOf } from '../lease/samples.ts';

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

test('why a lease is lost names its new owner, and says nothing of one that is left behind', () => {
  const former = parsePrefix('10.5.1.0/24');
  const own = leaseOf('10.5.2.0/24', '192.168.64.3');
  const gone = 'the lease of 10.5.1.0/24 is gone: it expired or was removed';
  const others = leaseOf(former, '192.168.64.9');
  assert.match(whyLost(own, former, [own, others]) ?? '', /belongs to 192\.168\.64\.9 now/);
  assert.equal(whyLost(own, former, [own]), gone);
  assert.equal(whyLost(own, former, [own, { ...own, subnet: former }]), null);
  const again = { ...own, subnet: former };
  assert.equal(whyLost(again, former, [again]), gone, 'and taken again');
});
