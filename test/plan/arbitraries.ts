/** Wishes of every kind that can occur, from a small vocabulary, so that hosts often meet them. */
import fc from 'fast-check';
import type { Endpoint, Peer, Settings } from '../../src/plan/dataplane.ts';
import type { Address, FdbEntry, Neighbor } from '../../src/plan/routes.ts';
import type { DesiredState } from '../../src/plan/state.ts';
import {
  aClassicLink,
  aFouLink,
  aLink,
  aMac,
  aPairLink,
  aPort,
  fouOf,
  record,
  UNDERLAYS,
} from './link_arbitraries.ts';
import { wantedRoutes } from './route_arbitraries.ts';
import { check, peersOf, receive, send } from './samples.ts';

export const DEVICES = ['flannel.1', 'flannel.2'];

const aDevice = fc.constantFrom(...DEVICES);
export const wantedPeers = fc
  .uniqueArray(
    record<Peer & { isDirect: boolean }>({
      subnet: fc.constantFrom('10.5.1.0/24', '10.5.2.0/24', '10.5.3.0/24', '10.5.8.0/22'),
      publicIp: fc.constantFrom('192.168.64.3', '192.168.64.4'),
      mac: aMac,
      isDirect: fc.boolean(),
    }),
    { selector: ({ subnet }) => subnet },
  )
  .map((peers) =>
    peersOf(
      ...peers.map(({ isDirect, ...peer }) =>
        isDirect ? { ...peer, direct: true as const } : peer,
      ),
    ),
  );

export const someEndpoints: fc.Arbitrary<ReadonlyMap<string, Endpoint>> = fc
  .uniqueArray(
    record<Endpoint>({
      address: fc.constantFrom('10.5.52.2', '10.5.52.3', '10.5.53.2'),
      device: fc.constantFrom('veth1', 'veth2'),
      gatewayMac: aMac,
    }),
    { selector: ({ address }) => address },
  )
  .map((endpoints) => new Map(endpoints.map((endpoint) => [endpoint.address, endpoint])));

export function someSettings(device: string | null, underlay: string): fc.Arbitrary<Settings> {
  return record<Settings>({
    network: fc.constant('10.5.0.0/16'),
    ownSubnet: fc.constantFrom('10.5.52.0/24', '10.5.53.0/24'),
    firstSubnet: fc.constantFrom('10.5.1.0/24', '10.5.2.0/24'),
    subnetCount: fc.constantFrom(254, 255),
    vni: fc.constant(1),
    port: aPort,
    device: fc.constant(device),
    deviceMac: aMac,
    far: fc.constant(null),
    underlay: fc.constant(underlay),
    underlayAddress: fc.constantFrom('192.168.64.2', '192.168.64.22'),
    mtu: fc.constant(1450),
    fastPath: fc.boolean(),
    conntrack: fc.boolean(),
    gbp: fc.boolean(),
  });
}

export function addressesOn(device: string): fc.Arbitrary<Address[]> {
  return fc
    .uniqueArray(fc.constantFrom('10.5.52.0/32', '10.5.53.0/32'))
    .map((addresses) => addresses.map((address) => ({ device, address })));
}

export function neighborsOn(device: string): fc.Arbitrary<Neighbor[]> {
  const one = record<Neighbor>({
    device: fc.constant(device),
    address: fc.constantFrom('10.5.1.0', '10.5.2.0', '10.5.3.0'),
    mac: aMac,
  });
  return fc.uniqueArray(one, { selector: ({ address }) => address });
}

export function fdbOn(device: string): fc.Arbitrary<FdbEntry[]> {
  const one = record<FdbEntry>({
    device: fc.constant(device),
    mac: aMac,
    publicIp: fc.constantFrom('192.168.64.3', '192.168.64.4'),
  });
  return fc.uniqueArray(one, { selector: ({ mac }) => mac });
}

export const aFilter = fc.constantFrom(null, 'chain a {}', 'chain b {}');

/** A host in kernel mode. */
const aClassicState: fc.Arbitrary<DesiredState> = aDevice.chain((device) =>
  record<DesiredState>({
    network: fc.constant('10.5.0.0/16'),
    links: aClassicLink(device).map((link) => [{ ...link, up: true }]),
    addresses: addressesOn(device),
    routes: wantedRoutes(device, 'eth0', true),
    neighbors: neighborsOn(device),
    fdb: fdbOn(device),
    filter: aFilter,
    dataplane: fc.constant(null),
  }),
);

/** A host with its programs. */
const aProgrammedState: fc.Arbitrary<DesiredState> = fc
  .tuple(aDevice, fc.constantFrom(...UNDERLAYS))
  .chain(([device, underlay]) =>
    record<DesiredState>({
      network: fc.constant('10.5.0.0/16'),
      links: aLink(device, fc.constant(1)).map((link) => [{ ...link, up: true }]),
      addresses: addressesOn(device),
      routes: wantedRoutes(device, underlay, true),
      neighbors: fc.constant([]),
      fdb: fc.constant([]),
      filter: aFilter,
      dataplane: record({
        object: fc.constant('vxlan' as const),
        settings: someSettings(device, underlay),
        attachments: fc.constantFrom('tcx' as const, 'clsact' as const).map((by) => [
          { ...send, device, by },
          { ...check, device, by },
          { ...receive, device: underlay, by },
        ]),
        peers: wantedPeers,
        endpoints: someEndpoints,
      }),
    }),
  );

/** A host of host-gw: routes, and for FastPath programs beside them. */
const aRoutedState: fc.Arbitrary<DesiredState> = fc.constantFrom(...UNDERLAYS).chain((underlay) =>
  record<DesiredState>({
    network: fc.constant('10.5.0.0/16'),
    links: fc.constant([]),
    addresses: fc.constant([]),
    routes: wantedRoutes(null, underlay, true),
    neighbors: fc.constant([]),
    fdb: fc.constant([]),
    filter: fc.constant(null),
    dataplane: fc.option(
      record({
        object: fc.constant('host_gw' as const),
        settings: someSettings(null, underlay),
        attachments: fc.constant([{ ...receive, program: 'host_gw_receive', device: underlay }]),
        peers: wantedPeers,
        endpoints: someEndpoints,
      }),
      { nil: null },
    ),
  }),
);

/** A host of udp, as far as its device is of another kind. */
const aPairState: fc.Arbitrary<DesiredState> = fc
  .tuple(aPairLink('flannel0'), fc.constantFrom(...UNDERLAYS))
  .chain(([link, underlay]) =>
    record<DesiredState>({
      network: fc.constant('10.5.0.0/16'),
      links: fc.constant([{ ...link, up: true }]),
      addresses: addressesOn(link.name),
      routes: wantedRoutes(link.name, underlay, false),
      neighbors: fc.constant([]),
      fdb: fc.constant([]),
      filter: aFilter,
      dataplane: fc.constant(null),
    }),
  );

/** A host of udp in kernel mode. */
const aFouState: fc.Arbitrary<DesiredState> = aFouLink('flannel0').chain((link) =>
  record<DesiredState>({
    network: fc.constant('10.5.0.0/16'),
    links: fc.constant([{ ...link, up: true }]),
    fou: fc.constant([fouOf(link)]),
    addresses: addressesOn(link.name),
    routes: wantedRoutes(link.name, link.underlay, false),
    neighbors: fc.constant([]),
    fdb: fc.constant([]),
    filter: aFilter,
    dataplane: fc.constant(null),
  }),
);

/** What a host may be asked to look like: its overlay device, if any, up, with its programs or its entries. */
export const aDesiredState: fc.Arbitrary<DesiredState> = fc.oneof(
  { weight: 3, arbitrary: aProgrammedState },
  { weight: 2, arbitrary: aClassicState },
  { weight: 2, arbitrary: aRoutedState },
  { weight: 1, arbitrary: aPairState },
  { weight: 1, arbitrary: aFouState },
);
