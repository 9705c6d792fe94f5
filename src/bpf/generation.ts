/** A generation: one load of the object, pinned under one name. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, TartanError } from '../errors.ts';
import { getPinned, pinObject, readMapInfo, readProgramInfo } from '../sys/bpf.ts';
import { loadObject, VerifierError } from '../sys/libbpf.ts';
import { close } from '../sys/libc.ts';
import { mapLayouts } from './layouts.gen.ts';
import { objectPath, programNames } from './object_file.ts';
import { finishGeneration, makePinFolder, type Pins, removeUnfinished } from './pins.ts';

export type MapName = keyof typeof mapLayouts;

const mapNames = Object.keys(mapLayouts) as MapName[];

/** How many leases that have no place in the peer array can stand beside it. */
const irregularPeers = mapLayouts.peers_lpm.maxEntries;

function maxEntries(subnetCount: number): Partial<Record<MapName, number>> {
  const all = subnetCount + irregularPeers;
  return { peers: subnetCount, sources: all, peer_counters: all };
}

/**
 * Loads the object and pins its maps and programs. Nothing of it counts until all of it is pinned.
 * @throws TartanError `MISSING`, `KERNEL`
 */
export function loadGeneration(bpffs: string, pins: Pins, name: string, subnetCount: number): void {
  removeUnfinished(pins);
  const folder = pins.unfinished(name);
  makePinFolder(bpffs, folder);
  const object = load(subnetCount);
  try {
    for (const map of mapNames) pinObject(object.mapFd(map), join(folder, map));
    for (const program of programNames) pinObject(object.programFd(program), join(folder, program));
    finishGeneration(pins, name);
  } finally {
    object.close();
  }
}

function load(subnetCount: number) {
  try {
    return loadObject({
      path: objectPath('vxlan'),
      maxEntries: maxEntries(subnetCount),
      reuse: {},
      maps: mapNames,
      programs: programNames,
    });
  } catch (cause) {
    if (cause instanceof VerifierError) {
      const reason = cause.log.trimEnd().split('\n').slice(-3).join(' | ');
      throw new TartanError('KERNEL', cause.message, `The kernel's verifier says: ${reason}`, {
        cause,
      });
    }
    throw new TartanError(
      'MISSING',
      `cannot load the BPF programs: ${messageOf(cause)}`,
      'It takes libbpf 1.x (`apt-get install libbpf1`), a kernel with BPF, and the right to use it (CAP_BPF, CAP_NET_ADMIN).',
      { cause },
    );
  }
}

/** The id of a generation's program, as links report it; null: another version's generation, which has none so named. */
export function programId(pins: Pins, generation: string, program: string): number | null {
  const path = join(pins.generation(generation), program);
  return existsSync(path) ? withPinned(path, (fd) => readProgramInfo(fd).id) : null;
}

/** Opens what is pinned at a path for as long as `use` runs. */
export function withPinned<T>(path: string, use: (fd: number) => T): T {
  const fd = getPinned(path);
  try {
    return use(fd);
  } finally {
    close(fd);
  }
}

/** A pinned map, open. */
export interface OpenMap {
  readonly fd: number;
  readonly maxEntries: number;
}

export type OpenMaps = Readonly<Record<MapName, OpenMap>> & Disposable;

/**
 * Opens a generation's maps.
 * @throws TartanError `PINS_FOREIGN` if one of them has another layout than this version's programs
 */
export function openMaps(pins: Pins, generation: string): OpenMaps {
  const open: Partial<Record<MapName, OpenMap>> = {};
  const closeAll = () => {
    for (const { fd } of Object.values(open)) close(fd);
  };
  try {
    for (const name of mapNames)
      open[name] = openMap(join(pins.generation(generation), name), name);
  } catch (error) {
    closeAll();
    throw error;
  }
  return { ...(open as Record<MapName, OpenMap>), [Symbol.dispose]: closeAll };
}

function openMap(path: string, name: MapName): OpenMap {
  let fd: number;
  try {
    fd = getPinned(path);
  } catch (cause) {
    throw foreignPin(path, messageOf(cause), cause);
  }
  const { type, keySize, valueSize, maxEntries } = readMapInfo(fd);
  const layout = mapLayouts[name];
  if (type === layout.type && keySize === layout.keySize && valueSize === layout.valueSize) {
    return { fd, maxEntries };
  }
  close(fd);
  const found = `type ${type}, key ${keySize}, value ${valueSize} bytes`;
  throw foreignPin(path, `it has another layout (${found})`);
}

function foreignPin(path: string, reason: string, cause?: unknown): TartanError {
  return new TartanError(
    'PINS_FOREIGN',
    `the pin ${path} is not one of ours: ${reason}`,
    'Run `tartan teardown` with the version that made it, or remove the pin if nothing needs it.',
    { cause },
  );
}
