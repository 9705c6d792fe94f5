import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WatchEvent } from '../../src/agent/events.ts';
import { createHealth } from '../../src/agent/health.ts';
import { TartanError } from '../../src/errors.ts';

const INTERVAL_SECONDS = 10;
/** Three looks missed, and one that takes its longest. */
const PATIENCE_MS = 60_000;

function member() {
  let now = 0;
  const health = createHealth(INTERVAL_SECONDS, () => now);
  const note = (type: WatchEvent['type'], detail: Partial<WatchEvent> = {}) =>
    health.note({ time: '', type, ...detail });
  return { ...health, note, pass: (ms: number) => (now += ms) };
}

test('a member is ready when its peers are in the kernel, and says why it is not', () => {
  const { note, ready } = member();
  assert.deepEqual(ready(), { good: false, text: 'has not joined yet' });
  note('error', { message: 'etcd is away' });
  assert.deepEqual(ready(), { good: false, text: 'etcd is away' });
  note('joined', { subnet: '10.5.1.0/24' });
  assert.equal(ready().good, false, 'its peers may not be there yet');
  note('synced');
  assert.deepEqual(ready(), { good: true, text: 'member with 10.5.1.0/24' });
});

test('an outage does not end that, a lost lease does', () => {
  const { note, ready } = member();
  note('joined', { subnet: '10.5.1.0/24' });
  note('synced');
  note('error', { message: 'etcd is away' });
  assert.equal(ready().good, true);
  note('lost', { message: 'it is another node’s' });
  assert.deepEqual(ready(), { good: false, text: 'it is another node’s' });
  note('error', { message: 'no subnet is free' });
  assert.deepEqual(ready(), { good: false, text: 'no subnet is free' });
  note('acquired', { subnet: '10.5.2.0/24' });
  assert.deepEqual(ready(), { good: true, text: 'member with 10.5.2.0/24' });
});

test('it is not ready while the underlay is not there, and says what is wrong with it', () => {
  const { note, ready, looked } = member();
  note('joined', { subnet: '10.5.1.0/24' });
  note('synced');
  looked(new TartanError('KERNEL', 'one route was refused', ''));
  assert.equal(ready().good, true, 'the others are carried');
  looked(new TartanError('INTERFACE', 'interface eth0 is down', ''));
  assert.deepEqual(ready(), { good: false, text: 'interface eth0 is down' });
  looked(new TartanError('KERNEL', 'the kernel says nothing', ''));
  assert.deepEqual(ready(), { good: false, text: 'the kernel says nothing' });
  looked();
  assert.deepEqual(ready(), { good: true, text: 'member with 10.5.1.0/24' });
});

test('it is alive as long as it waits, and then as long as its looks come to an end', () => {
  const { note, alive, looked, pass } = member();
  pass(10 * PATIENCE_MS);
  assert.deepEqual(alive(), { good: true, text: 'starting' });
  note('synced');
  pass(PATIENCE_MS);
  assert.deepEqual(alive(), { good: true, text: 'running' });
  pass(1);
  assert.deepEqual(alive(), { good: false, text: 'the last look at the kernel ended 60 s ago' });
  note('synced');
  assert.equal(alive().good, false, 'news of the store are no look');
  looked();
  assert.equal(alive().good, true);
});
