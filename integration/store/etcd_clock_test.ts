/** The clock is set while a call waits for its answer. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { openEtcdStore } from '../../src/store/etcd.ts';
import { startProxy } from './tcp_proxy.ts';

const folder = mkdtempSync(join(tmpdir(), 'tartan-clock-'));
after(() => rmSync(folder, { recursive: true }));
process.env.TARTAN_CHAOS_CLOCK = join(folder, 'clock');
await import('../../chaos/clock.ts');

for (const hours of [-1, 1]) {
  test(`etcd: one who never answers is given up within 10 s, though the clock is set by ${hours} h`, async () => {
    // Nobody is behind it, and it answers nobody.
    await using proxy = await startProxy(1);
    proxy.mode = 'silent';
    const store = await openEtcdStore({ endpoints: [proxy.url] });
    const startedAt = performance.now();
    const listing = assert.rejects(store.list(), { code: 'STORE_UNAVAILABLE' });
    await delay(300);
    const before = Date.now();
    writeFileSync(join(folder, 'clock'), String(hours * 3600));
    while (Math.abs(Date.now() - before) < 1_800_000) await delay(10);
    const isLate = delay(11_000, 'late', { ref: false });
    assert.notEqual(await Promise.race([listing, isLate]), 'late');
    const tookMs = performance.now() - startedAt;
    assert.ok(tookMs > 7_000 && tookMs < 10_000, `${tookMs} ms`);
    await store.close();
    writeFileSync(join(folder, 'clock'), '0');
  });
}
