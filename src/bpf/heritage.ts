/** What a generation takes over from its predecessor, which may be of another version. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Generation } from '../plan/generations.ts';
import { getPinned } from '../sys/bpf.ts';
import type { MapDefinition } from '../sys/libbpf.ts';
import { close } from '../sys/libc.ts';
import { kindOfPinned } from './bpffs.ts';
import { canCopy, copyMap } from './copy_map.ts';
import { moveEndpoints, readEndpoints } from './endpoint_map.ts';
import { mapLayouts } from './layouts.gen.ts';
import { type MapName, type OpenMap, openMapOf } from './open_map.ts';
import { readPeers } from './peer_maps.ts';
import type { Pins } from './pins.ts';
import { type DeviceIndexes, readSettings } from './settings.ts';

/** The numbering of the subnets runs through all of these: they are taken over together. */
const NUMBERED = ['settings_map', 'peers', 'peers_lpm', 'sources'] as const;

/** The maps that can be taken over, open. */
export type Heritage = Readonly<Partial<Record<MapName, OpenMap>>> & Disposable;

/**
 * Opens the maps of a generation that this version can read.
 * @param renumbered whether the heir numbers its subnets otherwise
 */
export function openHeritage(pins: Pins, generation: string, renumbered: boolean): Heritage {
  const maps: Partial<Record<MapName, OpenMap>> = {};
  const drop = (name: MapName) => {
    if (maps[name]) close(maps[name].fd);
    delete maps[name];
  };
  for (const name of Object.keys(mapLayouts) as MapName[]) {
    const path = join(pins.generation(generation), name);
    if (!existsSync(path)) continue;
    const fd = getPinned(path);
    if (kindOfPinned(fd) !== 'bpf-map') {
      close(fd);
      continue;
    }
    maps[name] = openMapOf(fd);
    if (!canCopy(maps[name], mapLayouts[name])) drop(name);
  }
  if (renumbered || !NUMBERED.every((name) => maps[name]))
    for (const name of [...NUMBERED, 'peer_counters'] as const) drop(name);
  const disposeAll = () => {
    for (const name of Object.keys(maps) as MapName[]) drop(name);
  };
  return Object.defineProperty(maps, Symbol.dispose, { value: disposeAll }) as Heritage;
}

/** What stands in the maps of an older or newer version's generation, as far as it can be taken over. */
export function readHeritage(pins: Pins, generation: string, devices: DeviceIndexes): Generation {
  using maps = openHeritage(pins, generation, false);
  const { settings_map, peers, peers_lpm, endpoints } = maps;
  const isNumbered = settings_map && peers && peers_lpm;
  return {
    settings: settings_map ? readSettings({ settings_map }, devices) : null,
    peers: isNumbered ? readPeers({ settings_map, peers, peers_lpm }) : new Map(),
    endpoints: endpoints ? readEndpoints({ endpoints }, devices) : new Map(),
  };
}

/**
 * The predecessor's map, if the heir is to have it as it is. The settings are always a map of their own: so they can be
 * written while the predecessor's programs go on with theirs.
 */
export function keptMap(maps: Heritage, name: MapName, definition: MapDefinition): number | null {
  const old = maps[name];
  const isSame =
    old?.type === definition.type &&
    old.keySize === definition.keySize &&
    old.valueSize === definition.valueSize &&
    old.maxEntries === definition.maxEntries &&
    old.flags === definition.flags;
  return isSame && name !== 'settings_map' ? old.fd : null;
}

/** Fills a map of the heir's with what stands in the predecessor's. */
export function inherit(name: MapName, from: OpenMap, to: OpenMap): void {
  if (!canCopy(from, to)) return;
  // An endpoint's place follows from its address and the number of places.
  if (name === 'endpoints' && from.maxEntries !== to.maxEntries) moveEndpoints(from, to);
  else copyMap(from, to);
}
