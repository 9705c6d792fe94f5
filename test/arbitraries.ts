/** Generators that several tests share. */
import fc from 'fast-check';
import type { NetworkConfig } from '../src/lease/config.ts';
import type { Lease, LeaseAttributes } from '../src/lease/lease.ts';
import { formatIpv4, MAX_IPV4 } from '../src/net/ipv4.ts';
import {
  lastAddress,
  type Prefix,
  parsePrefix,
  prefixesOverlap,
  prefixOf,
  prefixSize,
} from '../src/net/prefix.ts';

/** Objects as literals make them: deepEqual tells them from those without a prototype. */
function record<T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(fields, { noNullPrototype: true });
}

/** An IPv4 address as an unsigned 32-bit number. */
export const anAddress = fc.nat({ max: MAX_IPV4 });

/** The dotted address of a host. */
export const aHost = fc.integer({ min: 1, max: MAX_IPV4 }).map(formatIpv4);

export const aPrefix = fc
  .tuple(anAddress, fc.nat({ max: 32 }))
  .map(([address, length]) => prefixOf(address, length));

/** A MAC address as the kernel prints it. */
export const aMac = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  .map((octets) => Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join(':'));

export const vxlanAttributes: fc.Arbitrary<LeaseAttributes> = record({
  publicIp: aHost,
  publicIpv6: fc.option(fc.constantFrom('fd00::1', '2001:db8::7'), { nil: null }),
  backendType: fc.constant('vxlan'),
  vxlan: record({ vni: fc.nat({ max: 0xff_ffff }), vtepMac: aMac }),
});

export const plainAttributes: fc.Arbitrary<LeaseAttributes> = record({
  publicIp: aHost,
  publicIpv6: fc.constant(null),
  backendType: fc.constantFrom('', 'host-gw', 'ipip'),
});

export const someAttributes = fc.oneof(vxlanAttributes, plainAttributes);

export function aLease(subnet: fc.Arbitrary<Prefix>): fc.Arbitrary<Lease> {
  return record({
    subnet,
    attributes: someAttributes,
    expiresAt: fc.constantFrom('never', 'unknown'),
    revision: fc.integer({ min: 1, max: 1_000_000 }),
  });
}

/** What no pod can have as an address (RFC 6890). */
const RESERVED = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3'].map(parsePrefix);

/** A network, and the length and range of its subnets: every combination that a config can have. */
export const aConfig: fc.Arbitrary<NetworkConfig> = fc
  // A wider network has some of those addresses whichever it is.
  .integer({ min: 3, max: 28 })
  .chain((length) =>
    record({
      network: anAddress
        .map((address) => prefixOf(address, length))
        .filter((network) => !RESERVED.some((prefix) => prefixesOverlap(prefix, network))),
      subnetLength: fc.integer({ min: length + 2, max: Math.min(30, length + 12) }),
      bounds: fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat({ max: 30 })),
    }),
  )
  .map(({ network, subnetLength, bounds: [start, span] }) => {
    const size = prefixSize(subnetLength);
    const count = prefixSize(network.length) / size;
    const first = Math.min(count - 1, Math.floor(start * count));
    const subnetMin = network.address + first * size;
    const subnetMax = Math.min(subnetMin + span * size, lastAddress(network) - size + 1);
    return {
      network,
      subnetLength,
      subnetMin,
      subnetMax,
      backend: { type: 'udp', port: 8285, fastPath: false },
    };
  });

/** A subnet in or near the range that the config hands out, of any length from much wider to a single address. */
export function aSubnetNear({
  network,
  subnetMin,
  subnetMax,
}: NetworkConfig): fc.Arbitrary<Prefix> {
  const last = Math.min(MAX_IPV4, subnetMax + (subnetMax - subnetMin) + 1);
  return fc
    .tuple(fc.integer({ min: subnetMin, max: last }), fc.integer({ min: network.length, max: 32 }))
    .map(([address, length]) => prefixOf(address, length));
}
