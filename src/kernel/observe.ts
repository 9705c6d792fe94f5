import { readAttachedOrNamed, unlessDenied } from '../bpf/denied.ts';
import { readEndpoints } from '../bpf/endpoint_map.ts';
import { findFlaw, openMaps, programId } from '../bpf/generation.ts';
import { readHeritage } from '../bpf/heritage.ts';
import { readLinks } from '../bpf/links.ts';
import { type Objects, readBuilds } from '../bpf/object_file.ts';
import { hasStrays, readPeers } from '../bpf/peer_maps.ts';
import { listGenerations, listLinks, listOwners, type Pins } from '../bpf/pins.ts';
import { type DeviceIndexes, readSettings } from '../bpf/settings.ts';
import { TartanError } from '../errors.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import { formatPrefix, prefixOf } from '../net/prefix.ts';
import type { ObjectName } from '../plan/dataplane.ts';
import { type Generation, generationPrefix, objectOf } from '../plan/generations.ts';
import type { Route } from '../plan/routes.ts';
import type { ObservedState } from '../plan/state.ts';
import { isNamespaceAlive } from '../sys/namespaces.ts';
import { readRouteRecords } from '../sys/rtnetlink/routes.ts';
import { observeFilter } from './filter.ts';
import { observeForward } from './forward.ts';
import { observeFou } from './fou.ts';
import { type Interface, readInterfaces } from './interfaces.ts';
import { requireIproute2 } from './iproute.ts';
import { observeLinks } from './links.ts';
import { observeFdb, observeNeighbors } from './neighbors.ts';

/** Our routes' protocol. Nothing in iproute2's rt_protos has this number. */
export const ROUTE_PROTOCOL = 116;

export interface Scope {
  readonly network: string;
  readonly pins: Pins;
  readonly devices: DeviceIndexes;
  readonly objects: Objects;
  /** Inode of this process's. */
  readonly networkNamespace: number;
}

/**
 * What of ours stands in the kernel.
 * @throws TartanError `MISSING` without iproute2, by which it is changed; `PINS_FOREIGN`
 */
export async function observe(scope: Scope): Promise<ObservedState> {
  const { network, pins, devices, objects } = scope;
  requireIproute2();
  requireOwnPins(scope);
  const interfaces = readInterfaces();
  const filter = observeFilter(network);
  const links = observeLinks(network, interfaces);
  const classic = new Set(links.filter(({ kind }) => kind === 'classic').map(({ name }) => name));
  const classicInterfaces = interfaces.filter(({ name }) => classic.has(name));
  // The device says whose a FOU port is, and where that has been deleted, the table.
  const known = links.flatMap((link) =>
    link.kind === 'fou' ? [{ address: link.underlayAddress, port: link.port }] : [],
  );
  const fou = await observeFou([...known, ...filter.fou]);
  const builds = readBuilds(objects);
  const ours = new Set(links.filter(({ kind }) => kind !== 'foreign').map(({ name }) => name));
  const foreign = new Set(links.filter(({ kind }) => kind === 'foreign').map(({ name }) => name));
  return {
    links,
    addresses: interfaces
      .filter(({ name }) => ours.has(name))
      .flatMap(({ name: device, addresses }) =>
        addresses.map(({ address, prefixLength }) => ({
          device,
          address: `${address}/${prefixLength}`,
        })),
      ),
    routes: observeRoutes(interfaces).filter(({ device }) => !foreign.has(device)),
    neighbors: classicInterfaces.flatMap(observeNeighbors),
    fdb: classicInterfaces.flatMap(observeFdb),
    fou,
    filter: filter.hash,
    forwardChains: await observeForward(network),
    generations: observeGenerations(scope, builds),
    attachments: observeAttachments(pins, devices),
    builds,
  };
}

/**
 * Another network namespace's pins are in use as long as a link among them is on a device. Filters leave no pin, and can
 * be seen from within that namespace only: so without such a link, programs are in use as long as it lives. Those of a
 * namespace that is gone are left-overs, and made good use of.
 */
function requireOwnPins({ pins, networkNamespace }: Scope): void {
  const other = listOwners(pins).find((inode) => inode !== networkNamespace);
  if (other === undefined) return;
  const hasLiveLink = unlessDenied(
    () => readLinks(pins).some(({ ifindex }) => ifindex !== 0),
    () => listLinks(pins).length > 0,
  );
  const isInUse = hasLiveLink || (listGenerations(pins).length > 0 && isNamespaceAlive(other));
  if (!isInUse) return;
  throw new TartanError(
    'PINS_FOREIGN',
    `the pins in ${pins.root} are another network namespace's (${other}), and in use`,
    'Give each network namespace its own --bpffs, or run it there.',
  );
}

/** Of routes to one destination, the kernel lists the one first that it takes. */
function observeRoutes(interfaces: readonly Interface[]): Route[] {
  const names = new Map(interfaces.map(({ index, name }) => [index, name]));
  const seen = new Set<string>();
  return readRouteRecords().flatMap((record): Route[] => {
    if (record.tos !== 0) return [];
    const destination = formatPrefix(prefixOf(record.destination, record.length));
    const isFirst = !seen.has(destination);
    seen.add(destination);
    if (record.protocol !== ROUTE_PROTOCOL) return [];
    const { gateway, index, onlink, isBlackhole } = record;
    const route = {
      destination,
      via: gateway === null ? '' : formatIpv4(gateway),
      device: names.get(index ?? 0) ?? '',
      onlink: gateway === null || onlink,
      ...(isBlackhole && { blackhole: true as const }),
    };
    return [isFirst ? route : { ...route, behind: true }];
  });
}

const OBJECTS: readonly ObjectName[] = ['vxlan', 'udp', 'host_gw'];

const UNREAD: Generation = { settings: null, peers: new Map(), endpoints: new Map() };

/** Of what other versions have made, that is read which this one could take over. */
function observeGenerations(
  scope: Scope,
  builds: ObservedState['builds'],
): Map<string, Generation> {
  const isOurs = (name: string) =>
    OBJECTS.some((object) => {
      const build = builds[object];
      return typeof build === 'string' && name.startsWith(generationPrefix(object, build));
    });
  return new Map(
    listGenerations(scope.pins).map((name): [string, Generation] => {
      const read = () => readGeneration(scope, name, isOurs(name));
      return [name, unlessDenied(read, () => UNREAD)];
    }),
  );
}

function readGeneration({ pins, devices, objects }: Scope, name: string, isOurs: boolean) {
  if (!isOurs) return readHeritage(pins, name, devices);
  const flaw = findFlaw(pins, name, objects[objectOf(name) as ObjectName]);
  if (flaw) return { ...UNREAD, flaw };
  using maps = openMaps(pins, name);
  const settings = readSettings(maps, devices);
  return {
    settings,
    peers: readPeers(maps),
    endpoints: readEndpoints(maps, devices),
    ...(hasStrays(maps) && { strays: true }),
  };
}

function observeAttachments(pins: Pins, devices: DeviceIndexes): ObservedState['attachments'] {
  const generations = listGenerations(pins);
  const isOf = (name: string, program: string, id: number) =>
    unlessDenied(
      () => programId(pins, name, program) === id,
      () => false,
    );
  return readAttachedOrNamed(pins).flatMap(({ program, ifindex, hook, by, programId: id }) => {
    const device = devices.nameOf(ifindex);
    // A link whose device is gone does nothing; attaching anew replaces its pin, teardown removes it.
    if (device === undefined) return [];
    const generation = generations.find((name) => isOf(name, program, id)) ?? null;
    return [{ program, device, hook, by, generation }];
  });
}
