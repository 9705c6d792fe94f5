/** The endpoints that this host was told of: `endpoints.json`, beside the state. */
import { watch } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { TartanError } from '../errors.ts';
import { makeFolders } from '../folders.ts';
import { isIpv4 } from '../net/ipv4.ts';
import { readIfPresent, removeFile, writeAtomically } from './atomic_file.ts';
import { type LockFile, takeLock } from './lock.ts';
import { networkFolder } from './state_file.ts';
import type { Places } from './world.ts';

/** One endpoint, as it was added. */
export interface EndpointRecord {
  /** The pod's, dotted. */
  readonly address: string;
  /** The host's end of its cable: the name it had. */
  readonly interface: string;
  /** Its index and MAC, by which it is known: names are used again, and indexes that came with the other end are too. */
  readonly index: number;
  readonly mac: string;
}

interface EndpointFile {
  readonly version: 1;
  /** Inode of the network namespace that the indexes belong to. */
  readonly networkNamespace: number;
  readonly endpoints: readonly EndpointRecord[];
}

type Where = Pick<Places, 'stateDir' | 'network'>;

const VERSION = 1;
const FILE = 'endpoints.json';
const LOCK_PAUSE_MS = 5;
/** The lock is held for as long as a small file takes to be written. */
const LOCK_LIMIT_MS = 5000;

export function endpointFilePath({ stateDir, network }: Where): string {
  return `${networkFolder(stateDir, network)}/${FILE}`;
}

function lockPath(where: Where): string {
  return `${networkFolder(where.stateDir, where.network)}/endpoints.lock`;
}

/**
 * What was added, in the order of adding; what another network namespace wrote counts as nothing.
 * @throws TartanError `FILE` if it is not one of ours
 */
export async function readEndpointFile(
  where: Where,
  networkNamespace: number,
): Promise<readonly EndpointRecord[]> {
  const path = endpointFilePath(where);
  const text = await readIfPresent(path);
  if (text === null) return [];
  const file = parse(text);
  if (file === null) {
    throw new TartanError(
      'FILE',
      `${path} is not a list of endpoints of version ${VERSION}`,
      'Another version of tartan wrote it, or it is damaged: remove it, and add the endpoints again.',
    );
  }
  return file.networkNamespace === networkNamespace ? file.endpoints : [];
}

function parse(text: string): EndpointFile | null {
  try {
    const file: Partial<EndpointFile> | null = JSON.parse(text);
    const isOurs = file?.version === VERSION && Array.isArray(file.endpoints);
    return isOurs && file.endpoints.every(isRecord) ? (file as EndpointFile) : null;
  } catch {
    return null;
  }
}

function isRecord(value: Partial<EndpointRecord> | null): boolean {
  const { address, interface: name, index, mac } = value ?? {};
  return (
    typeof address === 'string' &&
    isIpv4(address) &&
    typeof name === 'string' &&
    typeof mac === 'string' &&
    Number.isInteger(index)
  );
}

/**
 * Changes the file, one process at a time: of adds that run at once, none is lost.
 * @param change gets what is there, read under the lock; the same list back: nothing is written
 * @throws TartanError `FILE`, `BUSY`
 */
export async function updateEndpointFile(
  lockFile: LockFile,
  where: Where,
  networkNamespace: number,
  change: (records: readonly EndpointRecord[]) => Promise<readonly EndpointRecord[]>,
): Promise<readonly EndpointRecord[]> {
  const lock = await waitForLock(lockFile, lockPath(where));
  try {
    const before = await readEndpointFile(where, networkNamespace);
    const endpoints = await change(before);
    if (endpoints === before) return before;
    const file: EndpointFile = { version: VERSION, networkNamespace, endpoints };
    await writeAtomically(endpointFilePath(where), `${JSON.stringify(file, null, 2)}\n`, 0o600);
    return endpoints;
  } finally {
    lock.release();
  }
}

async function waitForLock(lockFile: LockFile, path: string) {
  const limit = performance.now() + LOCK_LIMIT_MS;
  for (;;) {
    const lock = await takeLock(lockFile, path);
    if (lock !== null) return lock;
    if (performance.now() > limit) {
      throw new TartanError(
        'BUSY',
        `another tartan has held ${path} for ${LOCK_LIMIT_MS / 1000} s`,
        'Run it again; end that process if it hangs (`fuser` names it).',
      );
    }
    await pause(LOCK_PAUSE_MS);
  }
}

/** For teardown. @returns whether there was a list */
export async function removeEndpointFile(where: Where): Promise<boolean> {
  const removed = await removeFile(endpointFilePath(where));
  await removeFile(lockPath(where));
  return removed;
}

/** Calls back whenever the file is put in place anew, until the signal aborts. */
export function watchEndpointFile(where: Where, signal: AbortSignal, onChange: () => void): void {
  const folder = networkFolder(where.stateDir, where.network);
  makeFolders(folder);
  const watcher = watch(folder, { signal, persistent: false }, (_, name) => {
    if (name === FILE) onChange();
  });
  // The folder's removal; whoever wants the endpoints then finds them at the next look.
  watcher.on('error', () => {});
}
