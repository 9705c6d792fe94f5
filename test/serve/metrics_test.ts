import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { createMetrics } from '../../src/serve/metrics.ts';
import { FIGURES, optionsOf, seriesOf, sourceOf, TRAFFIC } from './sources.ts';

const page = (...sources: Parameters<typeof optionsOf>[0]) =>
  createMetrics(optionsOf(sources))().then(({ text }) => text);

test('the page, to the letter', async () => {
  const { text, contentType } = await createMetrics(optionsOf([sourceOf()]))();
  assert.equal(text, await readFile(`${import.meta.dirname}/page.prom`, 'utf8'));
  assert.equal(contentType, 'text/plain; version=0.0.4; charset=utf-8');
});

test('before it has joined there is nothing to tell of a lease, and no zero that would look like one', async () => {
  const series = seriesOf(await page(sourceOf({ member: () => null })), 'tartan_');
  assert.equal(series['tartan_ready{network="default"}'], '0');
  assert.equal(series['tartan_store_reachable{network="default"}'], '1');
  const others = Object.keys(series).filter((name) => /lease|_peers?_|revision|drops/.test(name));
  assert.deepEqual(others, []);
});

test('a reservation never ends, a lost lease has no age', async () => {
  const lease = FIGURES.lease && { ...FIGURES.lease, expiresAtSeconds: Number.POSITIVE_INFINITY };
  const readTraffic = async () => null;
  const reserved = sourceOf({
    member: () => ({ figures: () => ({ ...FIGURES, lease }), readTraffic }),
  });
  const lost = sourceOf(
    { member: () => ({ figures: () => ({ ...FIGURES, lease: null }), readTraffic }) },
    'other',
  );
  const series = seriesOf(await page(reserved, lost));
  assert.equal(series['tartan_lease_expiry_timestamp_seconds{network="default"}'], '+Inf');
  assert.equal(series['tartan_lease_held{network="default"}'], '1');
  assert.equal(series['tartan_lease_held{network="other"}'], '0');
  assert.equal(series['tartan_lease_age_seconds{network="other"}'], undefined);
  assert.equal(series['tartan_traffic_counted{network="other"}'], '0');
});

test('a kernel that says nothing takes nothing else with it, and is counted', async () => {
  let now = 0;
  const readTraffic = () => Promise.reject(new Error('EPERM'));
  const source = sourceOf({ member: () => ({ figures: () => FIGURES, readTraffic }) });
  const make = createMetrics(optionsOf([source], () => now));
  await make();
  now += 1000;
  const series = seriesOf((await make()).text);
  assert.equal(series['tartan_scrape_failures_total{network="default"}'], '2');
  assert.equal(series['tartan_peers_desired{network="default"}'], '2');
  assert.equal(series['tartan_traffic_counted{network="default"}'], '0');
  assert(!Object.keys(series).some((name) => /^tartan_(drops|peer)_/.test(name)));
});

test('however many scrape, the kernel is read once a second', async () => {
  let [now, reads] = [0, 0];
  const readTraffic = async () => {
    reads += 1;
    return TRAFFIC;
  };
  const source = sourceOf({ member: () => ({ figures: () => FIGURES, readTraffic }) });
  const make = createMetrics(optionsOf([source], () => now));
  await Promise.all(Array.from({ length: 50 }, make));
  now += 999;
  await make();
  assert.equal(reads, 1);
  now += 1;
  await Promise.all([make(), make()]);
  assert.equal(reads, 2);
});

test('thousands of peers are told without keeping others from their turn', async () => {
  const counted = { sentPackets: 1, sentBytes: 2, receivedPackets: 3, receivedBytes: 4 };
  const peers = new Map(
    Array.from({ length: 5000 }, (_, n) => [`10.${n >> 8}.${n % 256}.0/24`, counted] as const),
  );
  const readTraffic = async () => ({ ...TRAFFIC, peers });
  const source = sourceOf({ member: () => ({ figures: () => FIGURES, readTraffic }) });
  let turns = 0;
  const take = () => {
    turns += 1;
    turn = setImmediate(take);
  };
  let turn = setImmediate(take);
  const series = seriesOf(await page(source), 'tartan_peer_');
  clearImmediate(turn);
  assert.equal(Object.keys(series).length, 20_000);
  assert.equal(
    series[
      'tartan_peer_bytes_total{network="default",subnet="10.19.135.0/24",direction="received"}'
    ],
    '4',
  );
  assert(turns >= 20, `${turns} turns`);
});
