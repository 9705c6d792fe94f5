import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Lease, LeaseAttributes } from '../../src/lease/lease.ts';
import { formatPrefix, type Prefix } from '../../src/net/prefix.ts';
import { openFileStore } from '../../src/store/file.ts';

const subnet = (index: number): Prefix => ({ family: 'ipv4', address: index * 256, length: 24 });
const attributes: LeaseAttributes = { publicIp: '192.168.0.1', publicIpv6: null, backendType: '' };

type Step =
  | { kind: 'create'; index: number; ttlSeconds: number }
  | { kind: 'renew' | 'remove'; index: number }
  | { kind: 'wait'; seconds: number };

const index = fc.nat(5);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('create' as const),
    index,
    ttlSeconds: fc.integer({ min: 1, max: 9 }),
  }),
  fc.record({ kind: fc.constantFrom('renew' as const, 'remove' as const), index }),
  fc.record({ kind: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 9 }) }),
);

/** Follows the store to its present revision. */
async function replay(
  store: Awaited<ReturnType<typeof openFileStore>>,
  from: number,
  to: number,
): Promise<Map<string, Lease>> {
  const leases = new Map<string, Lease>();
  if (from === to) return leases;
  const stopping = new AbortController();
  for await (const update of store.watch(from, stopping.signal)) {
    assert.equal(update.type, 'events');
    for (const event of update.events) {
      if (event.type === 'put') leases.set(formatPrefix(event.lease.subnet), event.lease);
      if (event.type === 'removed') assert.ok(leases.delete(formatPrefix(event.subnet)));
    }
    if (update.revision === to) break;
  }
  return leases;
}

test('whatever happens, the events from the beginning add up to the list', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tartan-store-'));
  let run = 0;
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        let nowMs = 1_000_000;
        const store = await openFileStore({ path: join(folder, `${run++}.db`), now: () => nowMs });
        const held = new Map<number, Lease>();
        for (const step of steps) {
          if (step.kind === 'wait') nowMs += step.seconds * 1000;
          if (step.kind === 'create') {
            const lease = await store.create(subnet(step.index), attributes, step.ttlSeconds);
            if (lease) held.set(step.index, lease);
          }
          const own = 'index' in step ? held.get(step.index) : undefined;
          if (step.kind === 'renew' && own) {
            const renewed = await store.renew(own, attributes, 5);
            if (renewed) held.set(step.index, renewed);
          }
          if (step.kind === 'remove' && own) await store.remove(own);
        }
        const { leases, revision } = await store.list();
        const expected = leases.map((lease) => [formatPrefix(lease.subnet), lease] as const);
        assert.deepEqual(await replay(store, 0, revision), new Map(expected));
        for (const lease of leases) {
          assert.ok(lease.expiresAt instanceof Date && lease.expiresAt.getTime() > nowMs);
          assert.equal(held.get(lease.subnet.address / 256)?.revision, lease.revision);
        }
        await store.close();
      }),
      { numRuns: 40 },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
