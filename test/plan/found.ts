/** Hosts of every kind that can occur, from the vocabulary of the wishes. */
import fc from 'fast-check';
import type { Attachment, Settings } from '../../src/plan/dataplane.ts';
import { type Generation, generationName } from '../../src/plan/generations.ts';
import type { Link, ObservedLink } from '../../src/plan/links.ts';
import { hashFilter } from '../../src/plan/state.ts';
import {
  addressesOn,
  aFilter,
  DEVICES,
  fdbOn,
  neighborsOn,
  someEndpoints,
  someSettings,
  wantedPeers,
} from './arbitraries.ts';
import {
  aClassicLink,
  aFouLink,
  aLink,
  aPairLink,
  fouOf,
  record,
  UNDERLAYS,
} from './link_arbitraries.ts';
import type { Host } from './model_host.ts';
import { aTable } from './route_arbitraries.ts';
import { routesIn } from './route_model.ts';
import { BUILD } from './samples.ts';

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
  .chain((links) =>
    fc
      .oneof(
        fc.constant(null),
        aPairLink('flannel0', fc.boolean()),
        aFouLink('flannel0', fc.boolean()),
      )
      .map((other) => [...links, other]),
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
    strayed: { settings, peers, endpoints, strays: true },
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
      fc.constantFrom('whole', 'unwritten', 'incomplete', 'strayed'),
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
    record<Omit<Host, 'routes'>>({
      interfaces: fc.constant(UNDERLAYS),
      links: fc.constant(links),
      fou: fc.subarray(links.flatMap((link) => (link.kind === 'fou' ? [fouOf(link)] : []))),
      addresses: onEach(ours, addressesOn),
      table: aTable(
        ours.filter(({ up }) => up).map(({ name }) => name),
        UNDERLAYS,
      ),
      neighbors: onEach(
        classics.filter(({ up }) => up),
        neighborsOn,
      ),
      fdb: onEach(classics, fdbOn),
      filter: aFilter.map((text) => text && hashFilter(text)),
      generations: fc.constant(generations),
      attachments: attachmentsOn(devices, [...generations.keys()]),
      builds: fc.constant({ vxlan: BUILD, host_gw: BUILD }),
    }).map((host) => ({ ...host, routes: routesIn(host.table) })),
  );
});
