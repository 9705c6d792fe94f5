import { existsSync } from 'node:fs';
import { rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, TartanError } from '../errors.ts';
import { type Prefix, parsePrefix, prefixContains } from '../net/prefix.ts';
import { readIfPresent, removeFile, writeAtomically } from './atomic_file.ts';
import type { Log } from './log.ts';

/** What of a host stands in its lease. */
export interface Identification {
  readonly subnet: string;
  readonly publicIp: string;
  readonly vtepMac: string | null;
}

/** What a host remembers of its join: enough to renew and to take everything down again. */
export interface HostState {
  readonly version: 1;
  /** Inode of the network namespace that was joined, as /proc/self/ns/net shows it. */
  readonly networkNamespace: number;
  /** flannel's name of the backend. */
  readonly backend: string;
  /** The underlay interface. */
  readonly interface: string;
  /** The overlay, `10.5.0.0/16`; not there in an older state. */
  readonly network?: string;
  /** The tunnel's UDP port, host byte order; not there without one, and in an older state. */
  readonly port?: number;
  readonly subnet: string;
  readonly publicIp: string;
  /** What the lease published beside the address; null where the backend has no VTEP. */
  readonly vtepMac: string | null;
  /** Its lease may still say one of these, or nothing: the host has set out to write what stands above. Absent: it has. */
  readonly before?: readonly Identification[];
  /** Subnets that it had, whose leases may still be there: it has left them for a reservation, say. Absent: none. */
  readonly left?: readonly string[];
  /** Whether it was asked to masquerade; absent: no. */
  readonly masquerades?: true;
  /** Whether it was told to leave chains that drop alone; absent: no. */
  readonly leavesForward?: true;
  /** Whether it was asked for a blackhole route; absent: no. */
  readonly blackholes?: true;
  /** The overlays that it is kept apart from, those of networks as well that have gone since; absent: it is not. */
  readonly apart?: readonly string[];
  readonly bpffs: string;
  /** The store's description, without secrets. */
  readonly store: string;
  readonly subnetFile: string;
}

const VERSION = 1;

/** A lease that nobody renews ends within a day: no host leaves more. */
const MOST_LEFT = 8;

/** The network's folder in the state folder. */
export function networkFolder(stateDir: string, network: string): string {
  return join(stateDir, network);
}

/** Where the state of a network lies. */
export function statePath(stateDir: string, network: string): string {
  return join(networkFolder(stateDir, network), 'state.json');
}

/** Where the lock of a network lies. */
export function lockPath(stateDir: string, network: string): string {
  return join(networkFolder(stateDir, network), 'lock');
}

/**
 * Reads what an earlier join remembered; null if there was none.
 * @throws TartanError `FILE` if it is not one of ours
 */
export async function readState(path: string): Promise<HostState | null> {
  const text = await readIfPresent(path);
  if (text === null) return null;
  const state = parseObject(text);
  if (isWhole(state)) return state;
  throw new TartanError(
    'FILE',
    `${path} is not a state of version ${VERSION}`,
    'Another version of tartan wrote it, or it is damaged: `tartan join` writes it anew.',
  );
}

/**
 * The same for a command that can do without: what cannot be read counts as lost, which what stands in the kernel and in
 * the store makes good.
 */
export async function recallState(path: string, log: Log): Promise<HostState | null> {
  try {
    return await readState(path);
  } catch (error) {
    log.warn(`goes on without what an earlier join remembered: ${messageOf(error)}`);
    return null;
  }
}

function isWhole(state: Partial<HostState> | null): state is HostState {
  if (state?.version !== VERSION || typeof state.networkNamespace !== 'number') return false;
  const { subnet, publicIp, vtepMac, bpffs, store, subnetFile } = state;
  const texts = [subnet, publicIp, bpffs, store, subnetFile, vtepMac === null ? '' : vtepMac];
  if (!texts.every((text) => typeof text === 'string') || !isPrefix(subnet)) return false;
  const { before = [], left = [], apart = [] } = state;
  if (![before, left, apart].every(Array.isArray)) return false;
  return before.every((one) => isPrefix(one?.subnet)) && [...left, ...apart].every(isPrefix);
}

/**
 * What a host has left in its network once this is its subnet, the last first. A lease outside of it has been removed by
 * the join that took this one.
 */
export function leftFor(
  subnet: string,
  network: Prefix,
  earlier: HostState | null,
): readonly string[] {
  if (earlier === null) return [];
  const had = [earlier.subnet, ...(earlier.left ?? [])].filter(
    (one) => one !== subnet && prefixContains(network, parsePrefix(one).address),
  );
  return [...new Set(had)].slice(0, MOST_LEFT);
}

function isPrefix(text: string | undefined): boolean {
  try {
    parsePrefix(text ?? '');
    return true;
  } catch {
    return false;
  }
}

function parseObject(text: string): Partial<HostState> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

/** @returns whether it changed */
export function writeState(path: string, state: Omit<HostState, 'version'>): Promise<boolean> {
  return writeAtomically(
    path,
    `${JSON.stringify({ version: VERSION, ...state }, null, 2)}\n`,
    0o600,
  );
}

/** Removes the state and the lock, and their folders if nothing else is in them. */
export async function removeState(stateDir: string, network: string): Promise<boolean> {
  const removed = await removeFile(statePath(stateDir, network));
  await removeTraces(stateDir, network);
  return removed;
}

/**
 * Does the work of a command that holds the lock; if it is refused before there is a state, the lock was made for
 * nothing, and goes.
 */
export async function leavingNoTrace<T>(
  { stateDir, network }: { readonly stateDir: string; readonly network: string },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!existsSync(statePath(stateDir, network))) await removeTraces(stateDir, network);
    throw error;
  }
}

async function removeTraces(stateDir: string, network: string): Promise<void> {
  await removeFile(lockPath(stateDir, network));
  for (const folder of [networkFolder(stateDir, network), stateDir]) {
    await rmdir(folder).catch(() => {});
  }
}

/** Inode of the network namespace that this process is in. */
export async function networkNamespaceInode(): Promise<number> {
  return (await stat('/proc/self/ns/net')).ino;
}

/**
 * Refuses to work on what was joined from another network namespace, or pinned elsewhere. Where the pins are the same,
 * they tell more: whether that namespace still uses them.
 * @throws TartanError `PINS_FOREIGN`
 */
export function requireSamePlace(
  state: HostState | null,
  inode: number,
  {
    path,
    bpffs,
    network,
  }: { readonly path: string; readonly bpffs: string; readonly network: string },
): void {
  if (state === null || state.bpffs === bpffs) return;
  if (state.networkNamespace === inode) {
    if (!existsSync(join(state.bpffs, 'tartan', network))) return;
    throw new TartanError(
      'PINS_FOREIGN',
      `this host joined with --bpffs ${state.bpffs}, where its programs are pinned, and this is ${bpffs}`,
      `Give --bpffs ${state.bpffs}, or run \`tartan teardown --bpffs ${state.bpffs}\` first.`,
    );
  }
  throw new TartanError(
    'PINS_FOREIGN',
    `${path} was written in network namespace ${state.networkNamespace}, and this is ${inode}`,
    `Run it there, or give each its own --state-dir and --bpffs; if that namespace is gone for good, remove ${path} and the pins in ${state.bpffs}.`,
  );
}
