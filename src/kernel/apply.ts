import { attach } from '../bpf/attach.ts';
import { copyTraffic } from '../bpf/copy_traffic.ts';
import { detachOrUnpin } from '../bpf/denied.ts';
import { removeEndpoints, writeEndpoints } from '../bpf/endpoint_map.ts';
import { loadGeneration, openMaps } from '../bpf/generation.ts';
import type { Objects } from '../bpf/object_file.ts';
import type { OpenMaps } from '../bpf/open_map.ts';
import { removePeers, settleSources, writePeers } from '../bpf/peer_maps.ts';
import {
  claimPins,
  type Pins,
  removeEmptyFolders,
  removeGeneration,
  removeUnfinished,
} from '../bpf/pins.ts';
import type { Place } from '../bpf/place.ts';
import { type DeviceIndexes, writeSettings } from '../bpf/settings.ts';
import type { Attachment } from '../plan/dataplane.ts';
import type { Op } from '../plan/op.ts';
import type { Address, Route } from '../plan/routes.ts';
import { addVni, deleteVni } from '../sys/rtnetlink/vnis.ts';
import { removeFilter, writeFilter } from './filter.ts';
import { acceptForward, withdrawForward } from './forward.ts';
import { addFou, removeFou, tuneFou } from './fou.ts';
import { runBatch } from './iproute.ts';
import { addLink, setLink } from './link_commands.ts';
import { removeFdb, removeNeighbors, writeFdb, writeNeighbors } from './neighbors.ts';
import { ROUTE_PROTOCOL } from './observe.ts';
import { tunePair } from './pair.ts';

/** Lower ones win: that of the bridge that pods are on is 0. */
const BLACKHOLE_METRIC = 4_294_967_294;

export interface Site {
  readonly network: string;
  readonly bpffs: string;
  readonly pins: Pins;
  readonly devices: DeviceIndexes;
  readonly networkNamespace: number;
  readonly objects: Objects;
  /** Whether XDP may run without the driver's help. */
  readonly genericXdp: boolean;
}

/** Carries out one op. */
export async function applyOp(site: Site, op: Op): Promise<void> {
  const { pins, bpffs, devices } = site;
  switch (op.op) {
    case 'link.add':
      await addLink(site.network, op.link);
      if (op.link.kind === 'pair') tunePair(op.link.name, op.link.far);
      if (op.link.kind === 'fou') tuneFou(op.link.name);
      return;
    case 'link.remove':
      return runBatch('ip', [`link delete ${op.name}`]);
    case 'link.set':
      await runBatch('ip', setLink(op));
      if (!op.tuned) return;
      return op.far === undefined ? tuneFou(op.name) : tunePair(op.name, op.far);
    case 'vni.add':
      return addVni(requireDevice(devices, op.device), op.vni);
    case 'vni.remove':
      return deleteVni(requireDevice(devices, op.device), op.vni);
    case 'fou.add':
      return runBatch('ip', addFou(op.fou));
    case 'fou.remove':
      return runBatch('ip', removeFou(op.fou));
    case 'address.add':
      return runBatch('ip', [`address add ${formatAddress(op.address)}`]);
    case 'address.remove':
      return runBatch('ip', [`address delete ${formatAddress(op.address)}`]);
    case 'routes.add':
      // Behind a route to the same prefix that somebody else made: theirs stays in force.
      return runBatch(
        'ip',
        op.routes.map((route) => `route append ${formatRoute(route)}`),
        { goOn: true },
      );
    case 'routes.replace':
      return runBatch(
        'ip',
        op.routes.map((route) => `route replace ${formatRoute(route)}`),
        { goOn: true },
      );
    case 'routes.remove':
      return runBatch(
        'ip',
        op.routes.map((route) => `route delete ${formatRoute(route)}`),
      );
    case 'neighbors.write':
      return writeNeighbors(op.neighbors);
    case 'neighbors.remove':
      return removeNeighbors(op.neighbors);
    case 'fdb.write':
      return writeFdb(op.fdb);
    case 'fdb.remove':
      return removeFdb(op.fdb);
    case 'filter.write':
      return writeFilter(site.network, op.text);
    case 'filter.remove':
      return removeFilter(site.network);
    case 'forward.accept':
      return acceptForward(site.network, op, op.network);
    case 'forward.withdraw':
      return withdrawForward(site.network, op);
    case 'bpf.load':
      return load(site, op);
    case 'traffic.copy':
      return withMaps(pins, op.generation, (maps) => copyTraffic(pins, op.from, maps));
    case 'bpf.unload':
      removeGeneration(pins, op.generation);
      return removeEmptyFolders(pins);
    case 'bpf.attach':
      claimPins(bpffs, pins, site.networkNamespace);
      if (hasVanished(devices, op.attachment)) return;
      return attach({ ...site, ...placeOf(devices, op.attachment) }, op.generation);
    case 'bpf.detach':
      if (hasVanished(devices, op.attachment)) return;
      detachOrUnpin(pins, placeOf(devices, op.attachment));
      return removeEmptyFolders(pins);
    case 'settings.write':
      return withMaps(pins, op.generation, (maps) => writeSettings(maps, op.settings, devices));
    case 'peers.write':
      return withMaps(pins, op.generation, (maps) => writePeers(maps, op.peers));
    case 'peers.remove':
      return withMaps(pins, op.generation, (maps) => removePeers(maps, op.subnets));
    case 'sources.settle':
      return withMaps(pins, op.generation, settleSources);
    case 'endpoints.write':
      return withMaps(pins, op.generation, (maps) => writeEndpoints(maps, op.endpoints, devices));
    case 'endpoints.remove':
      return withMaps(pins, op.generation, (maps) => removeEndpoints(maps, op.addresses));
  }
}

/** Programs that are refused leave nothing behind: there may never be any here. */
function load(site: Site, op: Extract<Op, { op: 'bpf.load' }>): void {
  const { bpffs, pins, networkNamespace, objects } = site;
  claimPins(bpffs, pins, networkNamespace);
  try {
    loadGeneration({ ...op, bpffs, pins, object: objects[op.object] });
  } catch (error) {
    removeUnfinished(pins);
    removeEmptyFolders(pins);
    throw error;
  }
}

function formatAddress({ device, address }: Address): string {
  return `${address} dev ${device}`;
}

/** Ours by its protocol however far the line comes: who writes a batch may be killed in the middle of it. */
function formatRoute({ destination, via, device, onlink, blackhole }: Route): string {
  if (blackhole) {
    return `blackhole ${destination} proto ${ROUTE_PROTOCOL} metric ${BLACKHOLE_METRIC}`;
  }
  const way = via === '' ? `dev ${device}` : `via ${via} dev ${device}${onlink ? ' onlink' : ''}`;
  return `${destination} proto ${ROUTE_PROTOCOL} ${way}`;
}

function placeOf(devices: DeviceIndexes, { program, device, hook, by }: Attachment): Place {
  return { program, hook, by, ifindex: requireDevice(devices, device) };
}

/** Pods come and go while ops are carried out: what was to be done on their interfaces is done. */
function hasVanished(devices: DeviceIndexes, { program, device }: Attachment): boolean {
  return program === 'endpoint_send' && devices.indexOf(device) === undefined;
}

function requireDevice(devices: DeviceIndexes, name: string): number {
  const index = devices.indexOf(name);
  if (index === undefined) throw new Error(`there is no device ${name}`);
  return index;
}

function withMaps(pins: Pins, generation: string, use: (maps: OpenMaps) => void): void {
  using maps = openMaps(pins, generation);
  use(maps);
}
