import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEtcdClient } from '../../src/store/etcd_client.ts';

test('whoever begins a call when the operation’s time is over is told that, and asks nobody', async (t) => {
  const client = createEtcdClient({ endpoints: ['http://127.0.0.1:1'] });
  const caller = client.begin();
  const { performance } = globalThis;
  const later = performance.now() + 9_000;
  t.mock.method(performance, 'now', () => later);
  const call = caller.call(() => assert.fail('asked'));
  await assert.rejects(call, { code: 'STORE_UNAVAILABLE', message: /does not answer in time$/ });
  client.close();
});
