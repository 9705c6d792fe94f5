/** The endpoints as they are now: what was added, as far as its interfaces are still there. */
import type { HostInterface, HostReader } from '../kernel/contract.ts';
import type { Endpoint } from '../plan/state.ts';
import { type EndpointRecord, readEndpointFile, updateEndpointFile } from './endpoint_file.ts';
import { networkNamespaceInode } from './state_file.ts';
import type { Places, World } from './world.ts';

/** Reads the file, then the host: an interface that is missing then is gone. */
export async function surveyEndpoints(host: HostReader, places: Places): Promise<Endpoint[]> {
  const records = await readEndpointFile(places, await networkNamespaceInode());
  if (records.length === 0) return [];
  return resolveEndpoints(records, await host.readInterfaces());
}

/** In the plan's words, those left out whose interface is gone. */
export function resolveEndpoints(
  records: readonly EndpointRecord[],
  interfaces: readonly HostInterface[],
): Endpoint[] {
  const byIndex = new Map(interfaces.map((link) => [link.index, link]));
  const byName = new Map(interfaces.map((link) => [link.name, link]));
  return records.flatMap(({ address, index }) => {
    const link = byIndex.get(index);
    if (link === undefined) return [];
    const bridge = link.master === null ? undefined : byName.get(link.master);
    return [{ address, device: link.name, gatewayMac: (bridge ?? link).mac }];
  });
}

/** Forgets endpoints whose interface is gone. @returns whether there were any */
export async function pruneEndpoints(
  { host, lockFile }: Pick<World, 'host' | 'lockFile'>,
  places: Places,
): Promise<boolean> {
  const inode = await networkNamespaceInode();
  const records = await readEndpointFile(places, inode);
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
  const there = new Set(interfaces.map(({ index }) => index));
  const left = records.filter(({ index }) => there.has(index));
  return left.length === records.length ? records : left;
}
