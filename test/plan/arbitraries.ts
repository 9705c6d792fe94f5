/** Hosts and wishes of every kind that can occur, from a small vocabulary, so that they often meet. */
import fc from 'fast-check';
import {
  type Address,
  type Attachment,
  type ClassicLink,
  type DesiredState,
  type Endpoint,
  type FdbEntry,
  type Generation,
  generationName,
  hashFilter,
  type Link,
  type Neighbor,
  type ObservedLink,
  type Peer,
  type Route,
  type Settings,
  type VxlanLink,
} from '../../src/plan/state.ts';
import type { Host } from './model.ts';
import { BUILD, check, peersOf, receive, send } from './samples.ts';

export const UNDERLAYS = ['eth0', 'eth1'];
const DEVICES = ['flannel.1', 'flannel.2'];

const aDevice = fc.constantFrom(...DEVICES);
const aMac = fc.constantFrom('02:00:00:00:00:01', '02:00:00:00:00:02');
const aPort = fc.constantFrom(8472, 4789);
const aDestination = fc.constantFrom('10.5.1.0/24', '10.5.2.0/23', '10.5.4.0/22', '10.9.0.0/24');

function record<T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(fields, { noNullPrototype: true });
}

function aLink(name: string, vni: fc.Arbitrary<number | null>): fc.Arbitrary<VxlanLink> {
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

const wantedPeers = fc
  .uniqueArray(
    record<Peer>({
      subnet: fc.constantFrom('10.5.1.0/24', '10.5.2.0/24', '10.5.3.0/24', '10.5.8.0/22'),
      publicIp: fc.constantFrom('192.168.64.3', '192.168.64.4'),
      mac: aMac,
    }),
    { selector: ({ subnet }) => subnet },
  )
  .map((peers) => peersOf(...peers));

const someEndpoints: fc.Arbitrary<ReadonlyMap<string, Endpoint>> = fc
  .uniqueArray(
    record<Endpoint>({
      address: fc.constantFrom('10.5.52.2', '10.5.52.3', '10.5.53.2'),
      device: fc.constantFrom('veth1', 'veth2'),
      gatewayMac: aMac,
    }),
    { selector: ({ address }) => address },
  )
  .map((endpoints) => new Map(endpoints.map((endpoint) => [endpoint.address, endpoint])));

function someSettings(device: string, underlay: string): fc.Arbitrary<Settings> {
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

function routesOn(device: string): fc.Arbitrary<Route[]> {
  return fc.uniqueArray(aDestination).map((destinations) =>
    destinations.map((destination) => ({
      destination,
      via: '169.254.1.1',
      device,
      onlink: true,
    })),
  );
}

function addressesOn(device: string): fc.Arbitrary<Address[]> {
  return fc
    .uniqueArray(fc.constantFrom('10.5.52.0/32', '10.5.53.0/32'))
    .map((addresses) => addresses.map((address) => ({ device, address })));
}

function aClassicLink(name: string): fc.Arbitrary<ClassicLink> {
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

function neighborsOn(device: string): fc.Arbitrary<Neighbor[]> {
  const one = record<Neighbor>({
    device: fc.constant(device),
    address: fc.constantFrom('10.5.1.0', '10.5.2.0', '10.5.3.0'),
    mac: aMac,
  });
  return fc.uniqueArray(one, { selector: ({ address }) => address });
}

function fdbOn(device: string): fc.Arbitrary<FdbEntry[]> {
  const one = record<FdbEntry>({
    device: fc.constant(device),
    mac: aMac,
    publicIp: fc.constantFrom('192.168.64.3', '192.168.64.4'),
  });
  return fc.uniqueArray(one, { selector: ({ mac }) => mac });
}

const aFilter = fc.constantFrom(null, 'chain a {}', 'chain b {}');

/** A host in kernel mode. */
const aClassicState: fc.Arbitrary<DesiredState> = aDevice.chain((device) =>
  record<DesiredState>({
    network: fc.constant('10.5.0.0/16'),
    links: aClassicLink(device).map((link) => [{ ...link, up: true }]),
    addresses: addressesOn(device),
    routes: routesOn(device),
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
      routes: routesOn(device),
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

/** What a host may be asked to look like: one overlay device, up, with its programs or its entries. */
export const aDesiredState: fc.Arbitrary<DesiredState> = fc.oneof(
  { weight: 2, arbitrary: aProgrammedState },
  { weight: 1, arbitrary: aClassicState },
);

const classic: ObservedLink = {
  name: '',
  kind: 'foreign',
  detail: 'vxlan',
  mac: '02:00:00:00:00:07',
  classic: { vni: 1, port: 8472 },
  network: null,
  socket: null,
};

const observedLinks: fc.Arbitrary<ObservedLink[]> = fc
  .tuple(
    ...DEVICES.map((name) =>
      fc.option(
        fc.oneof(
          { weight: 3, arbitrary: aLink(name, fc.constantFrom(1, 2, null)) },
          { weight: 2, arbitrary: aClassicLink(name) },
          { weight: 1, arbitrary: fc.constant<ObservedLink>({ ...classic, name }) },
        ),
        { nil: null },
      ),
    ),
  )
  .map((links) => links.filter((link) => link !== null));

function conditions(
  settings: Settings,
  peers: Generation['peers'],
  endpoints: Generation['endpoints'],
) {
  return {
    whole: { settings, peers, endpoints },
    unwritten: { settings: null, peers, endpoints },
    incomplete: {
      settings: null,
      peers: new Map(),
      endpoints: new Map(),
      flaw: { kind: 'incomplete', detail: 'peers missing' },
    },
  } satisfies Record<string, Generation>;
}

/** Pinned sets: one of another build, and ones that the wish may name, finished or not. */
function generationsOn(devices: readonly string[]): fc.Arbitrary<Map<string, Generation>> {
  const one = fc
    .tuple(
      fc.constantFrom(BUILD, 'f'.repeat(64)),
      fc.constantFrom(...devices),
      fc.constantFrom('whole', 'unwritten', 'incomplete'),
    )
    .chain(([build, device, condition]) =>
      fc
        .tuple(someSettings(device, 'eth0'), wantedPeers, someEndpoints)
        .map(([found, peers, endpoints]) => {
          const name = generationName('vxlan', build, found);
          return [name, conditions(found, peers, endpoints)[condition]] as const;
        }),
    );
  return fc.array(one, { maxLength: 3 }).map((entries) => new Map<string, Generation>(entries));
}

type FoundAttachment = Attachment & { readonly generation: string | null };

function attachmentsOn(
  devices: readonly string[],
  generations: readonly string[],
): fc.Arbitrary<FoundAttachment[]> {
  return fc.uniqueArray(
    record<FoundAttachment>({
      program: fc.constantFrom('vxlan_send', 'vxlan_check', 'vxlan_receive', 'vxlan_older'),
      device: fc.constantFrom(...devices),
      hook: fc.constantFrom('ingress', 'egress'),
      by: fc.constantFrom('tcx', 'clsact'),
      generation: fc.constantFrom(null, ...generations),
    }),
    { selector: ({ program, device, hook, by }) => `${program} ${device} ${hook} ${by}` },
  );
}

/** What may be found on a host: nothing, all, or what a run that was cut short, a flap or a stranger left. */
export const aHost: fc.Arbitrary<Host> = observedLinks.chain((links) => {
  const ours = links.filter((link) => link.kind !== 'foreign');
  const classics = ours.filter(({ kind }) => kind === 'classic');
  const devices = [...UNDERLAYS, ...links.map(({ name }) => name)];
  const onEach = <T>(names: readonly Link[], make: (name: string) => fc.Arbitrary<T[]>) =>
    fc.tuple(...names.map(({ name }) => make(name))).map((lists) => lists.flat());
  return generationsOn(devices).chain((generations) =>
    record<Host>({
      interfaces: fc.constant(UNDERLAYS),
      links: fc.constant(links),
      addresses: onEach(ours, addressesOn),
      routes: onEach(
        ours.filter(({ up }) => up),
        routesOn,
      ),
      neighbors: onEach(
        classics.filter(({ up }) => up),
        neighborsOn,
      ),
      fdb: onEach(classics, fdbOn),
      filter: aFilter.map((text) => text && hashFilter(text)),
      generations: fc.constant(generations),
      attachments: attachmentsOn(devices, [...generations.keys()]),
      builds: fc.constant({ vxlan: BUILD }),
    }),
  );
});
