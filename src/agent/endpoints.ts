/** The endpoints as they are now: what was added, as far as its interfaces are still there. */

import { messageOf, TartanError } from '../errors.ts';
import type { HostInterface, HostReader } from '../kernel/contract.ts';
import type { Endpoint } from '../plan/dataplane.ts';
import { type EndpointRecord, readEndpointFile, updateEndpointFile } from './endpoint_file.ts';
import type { Log } from './log.ts';
import { networkNamespaceInode } from './state_file.ts';
import type { Places, World } from './world.ts';

/** Reads the file, then the host: an interface that is missing then is gone. */
export async function surveyEndpoints(
  host: HostReader,
  places: Places,
  read: typeof readEndpointFile = readEndpointFile,
): Promise<Endpoint[]> {
  const records = await read(places, await networkNamespaceInode());
  if (records.length === 0) return [];
  return resolveEndpoints(records, await host.readInterfaces());
}

/** What each log was last told of a list that cannot be read: `watch` looks at it all the time. */
const told = new WeakMap<Log, string>();

/** Without endpoints, where their list cannot be read: a host must not fall out of step for want of it. */
async function readOrWarn(
  log: Log,
  places: Pick<Places, 'stateDir' | 'network'>,
  inode: number,
): Promise<readonly EndpointRecord[]> {
  try {
    const records = await readEndpointFile(places, inode);
    told.delete(log);
    return records;
  } catch (error) {
    if (!(error instanceof TartanError) || error.code !== 'FILE') throw error;
    const message = `no endpoint is served: ${messageOf(error)}`;
    if (told.get(log) !== message) log.warn(message, { hint: error.hint });
    told.set(log, message);
    return [];
  }
}

/** The endpoints as {@link surveyEndpoints} finds them; none, and a warning, where their list cannot be read. */
export function surveyEndpointsOrWarn(
  { host, log }: Pick<World, 'host' | 'log'>,
  places: Places,
): Promise<Endpoint[]> {
  return surveyEndpoints(host, places, (where, inode) => readOrWarn(log, where, inode));
}

/** Whether an interface is the cable that was added. An index is used again where an interface brings its own along. */
export function isCableOf({ index, mac }: EndpointRecord, link: HostInterface): boolean {
  return link.index === index && link.mac === mac && link.kind === 'veth' && link.leadsElsewhere;
}

/** In the plan's words, those left out whose interface is gone. */
export function resolveEndpoints(
  records: readonly EndpointRecord[],
  interfaces: readonly HostInterface[],
): Endpoint[] {
  const byName = new Map(interfaces.map((link) => [link.name, link]));
  return records.flatMap((record) => {
    const { address } = record;
    const link = interfaces.find((candidate) => isCableOf(record, candidate));
    if (link === undefined) return [];
    const bridge = link.master === null ? undefined : byName.get(link.master);
    return [{ address, device: link.name, gatewayMac: (bridge ?? link).mac }];
  });
}

/** Forgets endpoints whose interface is gone. @returns whether there were any */
export async function pruneEndpoints(
  { host, lockFile, log }: Pick<World, 'host' | 'lockFile' | 'log'>,
  places: Places,
): Promise<boolean> {
  const inode = await networkNamespaceInode();
  const records = await readOrWarn(log, places, inode);
  if (records.length === 0) return false;
  const interfaces = await host.readInterfaces();
  if (withoutVanished(records, interfaces) === records) return false;
  await updateEndpointFile(lockFile, places, inode, async (current) =>
    withoutVanished(current, await host.readInterfaces()),
  );
  return true;
}

/** The same list, if none has vanished. */
export function withoutVanished(
  records: readonly EndpointRecord[],
  interfaces: readonly HostInterface[],
): readonly EndpointRecord[] {
  const left = records.filter((record) => interfaces.some((link) => isCableOf(record, link)));
  return left.length === records.length ? records : left;
}
