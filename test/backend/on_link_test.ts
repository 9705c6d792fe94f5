import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { onLink } from '../../src/backend/on_link.ts';
import { formatIpv4, parseIpv4 } from '../../src/net/ipv4.ts';
import { formatPrefix, parsePrefix, prefixContains, prefixOf } from '../../src/net/prefix.ts';
import type { HostRoute } from '../../src/plan/routes.ts';
import { node } from './samples.ts';

const connected = route('192.168.64.0/24', null);
const byGateway = route('0.0.0.0/0', '192.168.64.254');

function route(destination: string, via: string | null, rest: Partial<HostRoute> = {}): HostRoute {
  return { destination, via, device: 'eth0', metric: 0, ...rest };
}

function isOnLink(address: string, ...routes: HostRoute[]): boolean {
  return onLink({ ...node, routes })(address);
}

test('what the connected network holds is on the link, and what a gateway leads to is not', () => {
  assert.equal(isOnLink('192.168.64.7', connected, byGateway), true);
  assert.equal(isOnLink('192.168.65.7', connected, byGateway), false);
  assert.equal(isOnLink('192.168.64.7', byGateway), false);
});

test('without routes, nothing is', () => {
  assert.equal(isOnLink('192.168.64.7'), false);
  assert.equal(onLink({ ...node, routes: null })('192.168.64.7'), false);
});

test('another interface’s layer 2 is not the underlay’s', () => {
  assert.equal(isOnLink('192.168.64.7', { ...connected, device: 'eth1' }), false);
});

test('the longest prefix counts, whatever its metric', () => {
  const detour = route('192.168.64.7/32', '192.168.64.254', { metric: 100 });
  assert.equal(isOnLink('192.168.64.7', connected, detour), false);
  assert.equal(isOnLink('192.168.64.8', connected, detour), true);
  const shortcut = route('10.1.2.3/32', null);
  assert.equal(isOnLink('10.1.2.3', byGateway, shortcut), true);
});

test('what leads nowhere, or to several next hops, is not on the link', () => {
  for (const metric of [0, 10])
    assert.equal(
      isOnLink('192.168.64.7', connected, route('192.168.64.7/32', null, { device: '', metric })),
      false,
    );
});

test('of equal prefixes the lowest metric counts, and of equal metrics the first', () => {
  const other = route('192.168.64.0/24', '192.168.64.254', { metric: 5 });
  for (const order of [
    [connected, other],
    [other, connected],
  ])
    assert.equal(isOnLink('192.168.64.7', ...order), true);
  const same = { ...other, metric: 0 };
  assert.equal(isOnLink('192.168.64.7', same, connected), false);
  assert.equal(isOnLink('192.168.64.7', connected, same), true);
});

/** Few addresses, so that prefixes nest. */
const anAddress = fc.nat({ max: 63 }).map((low) => parseIpv4('192.168.64.0') + low * 4);

const aRoute: fc.Arbitrary<HostRoute> = fc
  .tuple(
    anAddress,
    fc.constantFrom(0, 8, 16, 24, 26, 28, 30, 32),
    fc.nat({ max: 2 }),
    fc.nat({ max: 3 }),
  )
  .map(([address, length, metric, kind]) =>
    route(formatPrefix(prefixOf(address, length)), kind === 0 ? '192.168.64.254' : null, {
      metric,
      device: kind === 1 ? 'eth1' : 'eth0',
    }),
  );

test('is what going through all routes finds', () => {
  fc.assert(
    fc.property(fc.array(aRoute, { maxLength: 12 }), anAddress, (routes, number) => {
      let best: HostRoute | undefined;
      const rank = ({ destination, metric }: HostRoute) =>
        parsePrefix(destination).length * 10 - metric;
      for (const one of routes) {
        if (!prefixContains(parsePrefix(one.destination), number)) continue;
        if (best === undefined || rank(one) > rank(best)) best = one;
      }
      const expected = best !== undefined && best.via === null && best.device === 'eth0';
      assert.equal(onLink({ ...node, routes })(formatIpv4(number)), expected);
    }),
    { numRuns: 2000 },
  );
});
