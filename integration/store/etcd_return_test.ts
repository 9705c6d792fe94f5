/** Many watches whose etcd was away. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { openEtcdStore } from '../../src/store/etcd.ts';
import { etcdHarness } from './etcd_harness.ts';
import { startEtcd } from './etcd_server.ts';
import { follow, snapshotCount } from './follow.ts';
import { startProxy } from './tcp_proxy.ts';

test('etcd: a cluster that was cut off together comes back spread over seconds, each once', async () => {
  const nodes = 40;
  await using server = await startEtcd();
  await using stack = new AsyncDisposableStack();
  const harness = stack.use(etcdHarness(server));
  const proxy = stack.use(await startProxy(server.port));
  const back: number[] = [];
  const followers = await Promise.all(
    Array.from({ length: nodes }, async () => {
      const store = await openEtcdStore({ endpoints: [proxy.url], prefix: harness.prefix });
      stack.defer(() => store.close());
      const follower = follow(store, (await store.list()).revision);
      stack.defer(() => follower.stop());
      return follower;
    }),
  );
  proxy.mode = 'refuse';
  proxy.cut();
  await Promise.all(
    followers.map((follower) =>
      follower.until(({ updates }) => updates.at(-1)?.type === 'unavailable'),
    ),
  );
  // Until most wait as long as they ever do.
  await delay(8_000);
  proxy.mode = 'pass';
  const startedAt = performance.now();
  await Promise.all(
    followers.map(async (follower) => {
      await follower.until((seen) => snapshotCount(seen) > 0);
      back.push(performance.now() - startedAt);
    }),
  );
  const most = Math.max(...back.map((at) => back.filter((b) => b >= at && b < at + 250).length));
  assert.ok(Math.max(...back) < 6_500, `the last after ${Math.max(...back)} ms`);
  assert.ok(most <= nodes / 3, `${most} of ${nodes} within 250 ms`);
  assert.ok(followers.every((follower) => snapshotCount(follower) === 1));
});
