/** Devices of every kind, wanted or found. */
import fc from 'fast-check';
import type { FouPort } from '../../src/plan/fou.ts';
import type { ClassicLink, FouLink, PairLink, VxlanLink } from '../../src/plan/links.ts';

export const UNDERLAYS = ['eth0', 'eth1'];

export const aMac = fc.constantFrom('02:00:00:00:00:01', '02:00:00:00:00:02');
export const aPort = fc.constantFrom(8472, 4789);

export function record<T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(fields, { noNullPrototype: true });
}

export function aLink(name: string, vni: fc.Arbitrary<number | null>): fc.Arbitrary<VxlanLink> {
  return record<VxlanLink>({
    name: fc.constant(name),
    kind: fc.constant('vxlan'),
    mac: aMac,
    mtu: fc.constantFrom(1450, 8950),
    port: aPort,
    vni,
    gbp: fc.boolean(),
    up: fc.boolean(),
  });
}

export function aClassicLink(name: string): fc.Arbitrary<ClassicLink> {
  return record<ClassicLink>({
    name: fc.constant(name),
    kind: fc.constant('classic'),
    mac: aMac,
    mtu: fc.constantFrom(1450, 8950),
    port: aPort,
    vni: fc.constant(1),
    underlay: fc.constantFrom(...UNDERLAYS),
    underlayAddress: fc.constantFrom('192.168.64.2', '192.168.64.22'),
    gbp: fc.boolean(),
    up: fc.boolean(),
  });
}

/** Nobody wants one that is not tuned. */
export function aPairLink(
  name: string,
  tuned: fc.Arbitrary<boolean> = fc.constant(true),
): fc.Arbitrary<PairLink> {
  return record<PairLink>({
    name: fc.constant(name),
    kind: fc.constant('pair'),
    far: fc.constant(`${name}.far`),
    mac: aMac,
    mtu: fc.constantFrom(1472, 8972),
    tuned,
    up: fc.boolean(),
  });
}

/** Nobody wants one that is not tuned. */
export function aFouLink(
  name: string,
  tuned: fc.Arbitrary<boolean> = fc.constant(true),
): fc.Arbitrary<FouLink> {
  return record<FouLink>({
    name: fc.constant(name),
    kind: fc.constant('fou'),
    mtu: fc.constantFrom(1472, 8972),
    port: fc.constantFrom(8285, 8286),
    underlay: fc.constantFrom(...UNDERLAYS),
    underlayAddress: fc.constantFrom('192.168.64.2', '192.168.64.22'),
    tuned,
    up: fc.boolean(),
  });
}

export function fouOf({ underlayAddress: address, port }: FouLink): FouPort {
  return { address, port };
}
