import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TartanError } from '../../src/errors.ts';
import { type AllocationInput, allocate, leaseFits, subnetFits } from '../../src/lease/allocate.ts';
import { type NetworkConfig, parseConfig } from '../../src/lease/config.ts';
import { formatPrefix, type Prefix, prefixesOverlap, prefixSize } from '../../src/net/prefix.ts';
import { aConfig, aSubnetNear } from '../arbitraries.ts';
import { leaseOf, OWN_IP, rejectedKey } from './samples.ts';

/** The subnet that a node without a lease is told to create. */
function create(input: Partial<AllocationInput> & { config: NetworkConfig }): string {
  const decision = allocate({
    ...{ leases: [], rejected: [], previousSubnet: null, publicIp: OWN_IP, random: () => 0 },
    ...input,
  });
  assert.equal(decision.kind, 'create');
  return formatPrefix(decision.subnet);
}

const aSituation = aConfig.chain((config) =>
  fc.record({
    config: fc.constant(config),
    subnets: fc.array(aSubnetNear(config), { maxLength: 12 }),
    reservations: fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
    owner: fc.array(fc.constantFrom('1.1.1.1', '2.2.2.2', OWN_IP), {
      minLength: 12,
      maxLength: 12,
    }),
    rejected: fc.array(aSubnetNear(config), { maxLength: 3 }),
    previousSubnet: fc.option(aSubnetNear(config), { nil: null }),
    window: fc.integer({ min: 1, max: 50 }),
    pick: fc.double({ min: 0, max: 0.999, noNaN: true }),
  }),
);

test('whatever the leases: nothing overlaps, nobody is robbed, and nobody is refused without need', () => {
  fc.assert(
    fc.property(aSituation, ({ config, subnets, reservations, owner, rejected, pick, ...rest }) => {
      const leases = subnets.map((subnet, index) =>
        leaseOf(subnet, owner[index], { expiresAt: reservations[index] ? 'never' : 'unknown' }),
      );
      const own = leases.filter(({ attributes }) => attributes.publicIp === OWN_IP);
      const unfitting = own.filter((lease) => !leaseFits(config, lease));
      const taken = [
        ...leases.filter((lease) => !unfitting.includes(lease)).map(({ subnet }) => subnet),
        ...rejected,
      ];
      const isFree = (subnet: Prefix) => !taken.some((other) => prefixesOverlap(subnet, other));
      try {
        const decision = allocate({
          ...rest,
          ...{ config, leases, publicIp: OWN_IP },
          rejected: rejected.map((subnet) => rejectedKey('x', subnet)),
          random: (limit) => Math.floor(pick * limit),
        });
        assert.deepEqual(decision.remove, unfitting);
        if (decision.kind === 'keep') {
          assert.ok(own.includes(decision.lease) && leaseFits(config, decision.lease));
          return;
        }
        assert.equal(own.length, unfitting.length);
        assert.ok(subnetFits(config, decision.subnet));
        assert.ok(isFree(decision.subnet));
      } catch (error) {
        assert.ok(error instanceof TartanError && error.code === 'OUT_OF_SUBNETS', String(error));
        assert.ok(!everySubnet(config).some(isFree));
      }
    }),
    { numRuns: 500 },
  );
});

/** Every subnet that the config hands out; the generator keeps them few. */
function everySubnet({ subnetMin, subnetMax, subnetLength }: NetworkConfig): Prefix[] {
  const size = prefixSize(subnetLength);
  const count = (subnetMax - subnetMin) / size + 1;
  return Array.from({ length: count }, (_, index) => ({
    ...({ family: 'ipv4', length: subnetLength } as const),
    address: subnetMin + index * size,
  }));
}

test('candidates are the first free ones, in order', () => {
  fc.assert(
    fc.property(aSituation, ({ config, subnets, window }) => {
      const leases = subnets.map((subnet) => leaseOf(subnet));
      const free = everySubnet(config)
        .filter((subnet) => !subnets.some((other) => prefixesOverlap(subnet, other)))
        .slice(0, window);
      fc.pre(free.length > 0);
      const picks = free.map((_, pick) => create({ config, leases, window, random: () => pick }));
      assert.deepEqual(picks, free.map(formatPrefix));
    }),
  );
});

test('65,536 subnets with one free are searched at once', () => {
  const config = parseConfig('{"Network":"10.0.0.0/8","SubnetMin":"10.0.0.0"}');
  const all = everySubnet(config);
  const leases = all.filter((_, index) => index !== 65_000).map((subnet) => leaseOf(subnet));
  const start = performance.now();
  const subnet = create({ config, leases: leases.toReversed() });
  const elapsedMs = performance.now() - start;
  assert.equal(all.length, 65_536);
  assert.equal(subnet, '10.253.232.0/24');
  assert.ok(elapsedMs < 1000, `took ${elapsedMs} ms`);
});

test('four million subnets cost nothing while they are free', () => {
  const config = parseConfig('{"Network":"10.0.0.0/8","SubnetLen":30}');
  const start = performance.now();
  create({ config, window: 6400, random: (limit) => limit - 1 });
  assert.ok(performance.now() - start < 200);
});
