import assert from 'node:assert/strict';
import { formatPrefix } from '../../src/net/prefix.ts';
import type { ContractCheck } from './contract_harness.ts';
import { DAY_SECONDS, subnet, vxlanAttributes } from './fixtures.ts';
import { eventsOf, follow } from './follow.ts';

/** What every store's watch must do. */
export function testWatch(check: ContractCheck): void {
  check('a lease ends with its TTL, and the watch tells', async (harness, store) => {
    const created = await store.create(subnet(1), vxlanAttributes(1), 1);
    assert.ok(created);
    const follower = follow(await harness.open(), created.revision);
    await follower.until(({ updates }) => updates.length > 0);
    assert.deepEqual(eventsOf(follower), [{ type: 'removed', subnet: subnet(1) }]);
    assert.deepEqual((await store.list()).leases, []);
    assert.equal(await store.renew(created, vxlanAttributes(1), 60), null);
    assert.ok(await store.create(subnet(1), vxlanAttributes(2), DAY_SECONDS));
    await follower.stop();
  });

  check('a watch goes on from its revision: each change once, in order', async (harness, store) => {
    const { revision } = await store.list();
    const early = follow(await harness.open(), revision);
    const first = await store.create(subnet(1), vxlanAttributes(1), DAY_SECONDS);
    const second = await store.create(subnet(2), vxlanAttributes(2), DAY_SECONDS);
    assert.ok(first && second);
    const renewed = await store.renew(first, vxlanAttributes(3), DAY_SECONDS);
    await store.writeConfig('{}', null);
    await store.remove(second);
    const late = follow(store, revision);
    const middle = follow(store, second.revision);

    const story = [
      ['put', '10.0.1.0/24', first.revision],
      ['put', '10.0.2.0/24', second.revision],
      ['put', '10.0.1.0/24', renewed?.revision],
      ['removed', '10.0.2.0/24', undefined],
    ];
    for (const [follower, expected] of [
      [early, story],
      [late, story],
      [middle, story.slice(2)],
    ] as const) {
      await follower.until((seen) => eventsOf(seen).length >= expected.length);
      const told = eventsOf(follower).map((event) => {
        if (event.type === 'put')
          return ['put', formatPrefix(event.lease.subnet), event.lease.revision];
        assert.equal(event.type, 'removed');
        return ['removed', formatPrefix(event.subnet), undefined];
      });
      assert.deepEqual(told, expected);
      const revisions = follower.updates.map((update) => 'revision' in update && update.revision);
      assert.deepEqual(
        revisions,
        revisions.toSorted((a, b) => Number(a) - Number(b)),
      );
      await follower.stop();
    }
  });

  check('a watch ends when it is aborted, and when the store is closed', async (harness, store) => {
    const aborted = new AbortController();
    aborted.abort();
    for await (const update of store.watch(0, aborted.signal)) assert.fail(update.type);
    const { revision } = await store.list();
    await follow(store, revision).stop();
    const iterator = store.watch(revision, new AbortController().signal)[Symbol.asyncIterator]();
    const next = iterator.next();
    await store.close();
    assert.equal((await next).done, true);
    assert.equal((await (await harness.open()).list()).revision, revision);
  });

  check('a watch from a revision that is yet to come gets a snapshot', async (_harness, store) => {
    const { revision } = await store.list();
    const lease = await store.create(subnet(1), vxlanAttributes(1), DAY_SECONDS);
    const follower = follow(store, revision + 1_000);
    await follower.until(({ updates }) => updates.length > 0);
    assert.equal(follower.updates[0]?.type, 'snapshot');
    assert.deepEqual(
      [...follower.leases.values()].map((known) => known.revision),
      [lease?.revision],
    );
    await follower.stop();
  });
}
