import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { planRoutes } from '../../src/backend/overlay_routes.ts';
import { TartanError } from '../../src/errors.ts';
import type { Lease } from '../../src/lease/lease.ts';
import { formatIpv4 } from '../../src/net/ipv4.ts';
import {
  formatPrefix,
  lastAddress,
  type Prefix,
  prefixContains,
  prefixesEqual,
  prefixOf,
  prefixSize,
} from '../../src/net/prefix.ts';
import { aConfig, aSubnetNear } from '../arbitraries.ts';
import { config, lease, node, own, withInterface } from './samples.ts';

const routes = (peers: readonly Lease[], host = node, mine = own) => {
  const { prefixes, reachable, warnings } = planRoutes(config, host, mine, peers);
  return {
    routes: prefixes.map(formatPrefix),
    peers: reachable.map(({ subnet }) => formatPrefix(subnet)),
    warnings,
  };
};

const cover = routes([]).routes;

test('a lease within the range needs no route of its own, one beyond it does', () => {
  assert.deepEqual(routes([lease('10.5.7.0/24'), lease('10.5.8.0/26')]).routes, cover);
  assert.deepEqual(routes([lease('10.5.0.0/24'), lease('10.6.7.0/24')]).routes, [
    ...cover,
    '10.5.0.0/24',
    '10.6.7.0/24',
  ]);
  // Wider than any of the prefixes that cover the range.
  assert.deepEqual(routes([lease('10.5.0.0/22')]).routes, [...cover, '10.5.0.0/22']);
});

test('the own subnet is not routed into the overlay by itself', () => {
  const first = lease('10.5.1.0/24');
  assert.deepEqual(
    routes([], node, first).routes,
    cover.filter((prefix) => prefix !== '10.5.1.0/24'),
  );
});

test('of a wide own subnet, only what others hold is routed into the overlay', () => {
  const inside = [lease('10.5.2.0/24'), lease('10.5.3.64/26')];
  // All of the first three prefixes of the cover but 10.5.4.0/22 lies in it.
  assert.deepEqual(
    routes([], node, lease('10.5.0.0/22')).routes,
    cover.filter((prefix) => !['10.5.1.0/24', '10.5.2.0/23'].includes(prefix)),
  );
  assert.deepEqual(routes(inside, node, lease('10.5.0.0/22')).routes.slice(-2), [
    '10.5.2.0/24',
    '10.5.3.64/26',
  ]);
  const { routes: all } = routes([lease('10.5.1.0/24')], node, lease('10.5.0.0/22'));
  assert.equal(all.filter((prefix) => prefix === '10.5.1.0/24').length, 1);
});

test('an address of this host inside the overlay is an error', () => {
  for (const [host, words] of [
    [
      withInterface({ address: '10.5.200.2', prefixLength: 16 }),
      ['eth0', '10.5.200.2', '10.5.128.0/17'],
    ],
    [{ ...node, publicIp: '10.5.9.9' }, ['PublicIP', '10.5.9.9', '10.5.8.0/21']],
  ] as const) {
    assert.throws(
      () => routes([], host),
      (error) =>
        error instanceof TartanError &&
        error.code === 'CONFIG_INVALID' &&
        words.every((word) => error.message.includes(word)),
    );
  }
});

test('an address in the own subnet is an error, however it is connected', () => {
  const own = lease('10.5.1.0/24');
  const host = {
    ...withInterface({ address: '10.5.1.1', prefixLength: 24 }),
    publicIp: '192.168.64.2',
  };
  assert.throws(() => routes([], host, own), { code: 'CONFIG_INVALID', message: /10\.5\.1\.1/ });
});

test('an address inside the overlay is none where the underlay has the more specific route', () => {
  const host = {
    ...withInterface({ address: '10.5.1.2', prefixLength: 25 }),
    publicIp: '10.5.1.2',
  };
  assert.deepEqual(routes([], host).routes, cover);
  const neighbour = lease('10.5.7.0/24', { publicIp: '10.5.1.3' });
  assert.deepEqual(routes([neighbour], host).warnings, []);
});

test('a peer whose PublicIP lies in the overlay is left out, with a warning', () => {
  const found = routes([
    lease('10.5.7.0/24', { publicIp: '10.5.99.1' }),
    lease('10.6.8.0/24', { publicIp: '10.5.99.2' }),
    lease('10.5.9.0/24'),
  ]);
  assert.deepEqual(found.peers, ['10.5.9.0/24']);
  assert.deepEqual(found.routes, cover);
  assert.equal(found.warnings.length, 2);
  assert.match(found.warnings[0] ?? '', /10\.5\.7\.0\/24.*10\.5\.99\.1/);
});

test('a peer whose PublicIP is the broadcast address of the underlay is left out, with a warning', () => {
  const peers = [lease('10.5.7.0/24', { publicIp: '192.168.64.255' }), lease('10.5.9.0/24')];
  const found = routes(peers);
  assert.deepEqual(found.peers, ['10.5.9.0/24']);
  assert.match(found.warnings[0] ?? '', /10\.5\.7\.0\/24: its PublicIP 192\.168\.64\.255/);
  // Two hosts on a line have none (RFC 3021).
  const [first] = peers;
  const host = withInterface({ address: '192.168.64.254', prefixLength: 31 });
  assert.deepEqual(routes(first ? [first] : [], host).peers, ['10.5.7.0/24']);
});

test("a lease beyond the network that would draw this host's address in is left out", () => {
  const found = routes([lease('192.168.64.0/25'), lease('10.5.9.0/24')]);
  assert.deepEqual(found.peers, ['10.5.9.0/24']);
  assert.deepEqual(found.routes, cover);
  assert.match(found.warnings[0] ?? '', /192\.168\.64\.0\/25/);
});

/** First and last address of each run of addresses that the prefixes hold together. */
function ranges(prefixes: readonly Prefix[]): [number, number][] {
  const merged: [number, number][] = [];
  for (const prefix of prefixes.toSorted((a, b) => a.address - b.address || a.length - b.length)) {
    const last = merged.at(-1);
    if (last && prefix.address <= last[1] + 1) last[1] = Math.max(last[1], lastAddress(prefix));
    else merged.push([prefix.address, lastAddress(prefix)]);
  }
  return merged;
}

test('routes hold exactly SubnetMin to SubnetMax and the leases beyond', () => {
  const aCase = aConfig.chain((network) =>
    fc.record({
      network: fc.constant(network),
      subnets: fc.uniqueArray(aSubnetNear(network), { selector: formatPrefix, maxLength: 6 }),
      ownNumber: fc.nat({
        max: (network.subnetMax - network.subnetMin) / prefixSize(network.subnetLength),
      }),
    }),
  );
  fc.assert(
    fc.property(aCase, ({ network, subnets, ownNumber }) => {
      const size = prefixSize(network.subnetLength);
      const ownSubnet = prefixOf(network.subnetMin + ownNumber * size, network.subnetLength);
      const peers = subnets.filter((subnet) => !prefixesEqual(subnet, ownSubnet));
      // An underlay that none of these touches.
      const address = [0x0102_0304, 0xdfff_0304].find(
        (one) => ![network.network, ...peers].some((prefix) => prefixContains(prefix, one)),
      );
      fc.pre(address !== undefined);
      const publicIp = formatIpv4(address);
      const host = { ...withInterface({ address: publicIp }), publicIp };
      const leases = peers.map((subnet) => ({ ...lease(formatPrefix(subnet), { publicIp }) }));
      const { prefixes } = planRoutes(network, host, { ...own, subnet: ownSubnet }, leases);

      assert(!prefixes.some((prefix) => prefixesEqual(prefix, ownSubnet)));
      const range = { first: network.subnetMin, last: network.subnetMax + size - 1 };
      const whole: Prefix[] = [];
      for (let at = range.first; at <= range.last; at += size) {
        whole.push(prefixOf(at, network.subnetLength));
      }
      assert.deepEqual(ranges([...prefixes, ownSubnet]), ranges([...whole, ...peers]));
      assert.equal(new Set(prefixes.map(formatPrefix)).size, prefixes.length);
    }),
    { numRuns: 500 },
  );
});
