/** A generation: one load of the object, pinned under one name. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, ProgramsRefused, TartanError } from '../errors.ts';
import type { Generation } from '../plan/generations.ts';
import { getPinned, pinObject, readMapInfo, readProgramInfo } from '../sys/bpf.ts';
import { type LoadOptions, loadObject, openLibrary, VerifierError } from '../sys/libbpf.ts';
import { close, SystemError } from '../sys/libc.ts';
import { kindOfPinned, makePinFolder, withPinned } from './bpffs.ts';
import { inherit, keptMap, openHeritage } from './heritage.ts';
import { mapLayouts } from './layouts.gen.ts';
import type { ObjectFile } from './object_file.ts';
import { type MapName, type OpenMap, type OpenMaps, openMapOf } from './open_map.ts';
import { finishGeneration, listGeneration, type Pins, removeUnfinished } from './pins.ts';

const mapNames = Object.keys(mapLayouts) as MapName[];

function maxEntries({ subnetCount, irregularPlaces }: Load): Partial<Record<MapName, number>> {
  const all = subnetCount + irregularPlaces;
  return { peers: subnetCount, peers_lpm: irregularPlaces, sources: all, peer_counters: all };
}

/** What is to be loaded, and where to. */
export interface Load {
  readonly bpffs: string;
  readonly pins: Pins;
  readonly object: ObjectFile;
  readonly generation: string;
  readonly subnetCount: number;
  /** How many leases that have no place in the peer array can stand beside it. */
  readonly irregularPlaces: number;
  /** The generation whose maps it takes over; null: it begins empty. */
  readonly from: string | null;
  /** Whether it numbers its subnets otherwise than that one. */
  readonly renumbered: boolean;
}

/**
 * Loads the object and pins its maps and programs. Maps of the predecessor that are the same are used as they are; what
 * stands in the others is copied. Nothing of it counts until all of it is pinned.
 * @throws TartanError `MISSING`, `KERNEL`
 */
export function loadGeneration(wanted: Load): void {
  const { bpffs, pins, object, generation, from, renumbered } = wanted;
  removeUnfinished(pins);
  const folder = pins.unfinished(generation);
  makePinFolder(bpffs, folder);
  using heritage = from === null ? null : openHeritage(pins, from, renumbered);
  const kept = new Set<MapName>();
  const loaded = load(wanted, (name, definition) => {
    const fd = heritage && keptMap(heritage, name, definition);
    if (fd !== null) kept.add(name);
    return fd;
  });
  try {
    for (const name of mapNames) {
      const fd = loaded.mapFd(name);
      const old = heritage?.[name];
      if (old && !kept.has(name)) inherit(name, old, openMapOf(fd));
      pinObject(fd, join(folder, name));
    }
    for (const program of object.programs)
      pinObject(loaded.programFd(program), join(folder, program));
    finishGeneration(pins, generation);
  } finally {
    loaded.close();
  }
}

const LOAD_HINT =
  'It takes libbpf 1.x (`apt-get install libbpf1`), a kernel with BPF, and the right to use it (CAP_BPF, CAP_NET_ADMIN).';

function load(wanted: Load, reuse: NonNullable<LoadOptions<MapName>['reuse']>) {
  const { object } = wanted;
  try {
    return loadObject({
      path: object.path,
      maxEntries: maxEntries(wanted),
      reuse,
      maps: mapNames,
      programs: object.programs,
    });
  } catch (cause) {
    if (cause instanceof VerifierError) {
      const reason = cause.log.trimEnd().split('\n').slice(-3).join(' | ');
      throw new ProgramsRefused('KERNEL', cause.message, `The kernel's verifier says: ${reason}`, {
        cause,
      });
    }
    // What the kernel refuses, another build would not mend; a file that cannot be opened, it would.
    const isRefused = cause instanceof SystemError && cause.call.startsWith('bpf_object__load');
    throw new (isRefused ? ProgramsRefused : TartanError)(
      'MISSING',
      `cannot load the BPF programs: ${messageOf(cause)}`,
      LOAD_HINT,
      { cause },
    );
  }
}

/** @throws TartanError `MISSING` if there is no libbpf */
export function requireLibrary(): void {
  try {
    openLibrary();
  } catch (cause) {
    throw new TartanError('MISSING', `cannot load libbpf: ${messageOf(cause)}`, LOAD_HINT, {
      cause,
    });
  }
}

/** The id of a generation's program, as links report it; null: another version's generation, which has none so named. */
export function programId(pins: Pins, generation: string, program: string): number | null {
  const path = join(pins.generation(generation), program);
  return existsSync(path) ? withPinned(path, (fd) => readProgramInfo(fd).id) : null;
}

/** What is wrong with a generation of this build, if anything: pins are missing, or they are not what we pin. */
export function findFlaw(
  pins: Pins,
  generation: string,
  { programs }: ObjectFile,
): NonNullable<Generation['flaw']> | null {
  const there = new Set(listGeneration(pins, generation));
  const missing = [...mapNames, ...programs].filter((name) => !there.has(name));
  if (missing.length > 0) return { kind: 'incomplete', detail: `${missing.join(', ')} missing` };
  for (const name of [...mapNames, ...programs]) {
    const path = join(pins.generation(generation), name);
    const detail = withPinned(path, (fd) =>
      isMapName(name) ? foreignMap(fd, name) : foreignKind(fd, 'bpf-prog'),
    );
    if (detail !== null) return { kind: 'foreign', detail: `${path} ${detail}` };
  }
  return null;
}

function isMapName(name: string): name is MapName {
  return Object.hasOwn(mapLayouts, name);
}

/** How a map differs from what the programs expect; null: it does not. */
function foreignMap(fd: number, name: MapName): string | null {
  const other = foreignKind(fd, 'bpf-map');
  if (other !== null) return other;
  let found: ReturnType<typeof readMapInfo>;
  try {
    found = readMapInfo(fd);
  } catch (error) {
    return `cannot be read (${messageOf(error)})`;
  }
  const { type, keySize, valueSize } = mapLayouts[name];
  if (found.type === type && found.keySize === keySize && found.valueSize === valueSize)
    return null;
  return `has another layout (type ${found.type}, key ${found.keySize}, value ${found.valueSize} bytes)`;
}

/** What is pinned in place of a map or program, by the kernel's name for it; null: it is one. */
function foreignKind(fd: number, wanted: 'bpf-map' | 'bpf-prog'): string | null {
  const kind = kindOfPinned(fd);
  return kind === wanted ? null : `is a ${kind}, not a ${wanted}`;
}

/** Opens a generation's maps: of one that has no flaw. */
export function openMaps(pins: Pins, generation: string): OpenMaps {
  const open: Partial<Record<MapName, OpenMap>> = {};
  const closeAll = () => {
    for (const { fd } of Object.values(open)) close(fd);
  };
  try {
    for (const name of mapNames) {
      const fd = getPinned(join(pins.generation(generation), name));
      open[name] = openMapOf(fd);
    }
  } catch (error) {
    closeAll();
    throw error;
  }
  return { ...(open as Record<MapName, OpenMap>), [Symbol.dispose]: closeAll };
}
