/** `tartan endpoint`: which pods FastPath is to serve on this host. */
import { checkEndpoint, requireAddress, type WantedEndpoint } from './endpoint_check.ts';
import { type EndpointRecord, readEndpointFile, updateEndpointFile } from './endpoint_file.ts';
import {
  type EndpointWorld,
  isInside,
  type Obstacle,
  planEndpoints,
  syncEndpointsAlone,
} from './endpoint_sync.ts';
import { isCableOf, resolveEndpoints, withoutVanished } from './endpoints.ts';
import { requireJoined } from './renew.ts';
import {
  type HostState,
  networkNamespaceInode,
  readState,
  requireSamePlace,
  statePath,
} from './state_file.ts';
import type { Places } from './world.ts';

/** What `endpoint add` prints, and `endpoint list` of each. Keys may be added, never renamed. */
export interface EndpointRow {
  readonly address: string;
  readonly interface: string;
  /** Whether FastPath serves it now. */
  readonly active: boolean;
  /** Why it does not. */
  readonly reason?: string;
}

export type EndpointAdded = EndpointRow & { readonly changed: boolean };

export interface EndpointRemoved {
  readonly interface: string;
  /** Those that were removed. */
  readonly addresses: readonly string[];
  readonly changed: boolean;
}

/**
 * Makes a pod an endpoint; again changes nothing. It is served when the command has ended, if FastPath is on.
 * @throws TartanError `LEASE_LOST` if the host has not joined; `INTERFACE`, `USAGE`, `FILE`, `BUSY`
 */
export async function addEndpoint(
  world: EndpointWorld,
  places: Places,
  wanted: WantedEndpoint,
): Promise<EndpointAdded> {
  const { state, inode } = await requireMember(places);
  let changed = false;
  await updateEndpointFile(world.lockFile, places, inode, async (found) => {
    const interfaces = await world.host.readInterfaces();
    const records = withoutVanished(found, interfaces);
    const record = checkEndpoint(wanted, { state, interfaces, records });
    changed = !records.includes(record);
    return changed ? [...records, record] : records;
  });
  const obstacle = await syncEndpointsAlone(world, places);
  return { ...rowOf(wanted, obstacle), changed };
}

/** Makes endpoints of an interface, or one of them, ordinary pods again; what is none changes nothing. */
export async function removeEndpoint(
  world: EndpointWorld,
  places: Places,
  unwanted: { readonly interface: string; readonly address: string | null },
): Promise<EndpointRemoved> {
  const { inode } = await requireMember(places);
  if (unwanted.address !== null) requireAddress(unwanted.address);
  let removed: readonly EndpointRecord[] = [];
  await updateEndpointFile(world.lockFile, places, inode, async (found) => {
    const interfaces = await world.host.readInterfaces();
    const records = withoutVanished(found, interfaces);
    const nameOf = (record: EndpointRecord) =>
      interfaces.find((link) => isCableOf(record, link))?.name;
    removed = records.filter(
      (record) =>
        nameOf(record) === unwanted.interface &&
        (unwanted.address === null || record.address === unwanted.address),
    );
    return removed.length === 0 ? records : records.filter((record) => !removed.includes(record));
  });
  await syncEndpointsAlone(world, places);
  const addresses = removed.map(({ address }) => address);
  return { interface: unwanted.interface, addresses, changed: removed.length > 0 };
}

/** Every endpoint, and whether it is served. */
export async function listEndpoints(
  { kernel, host }: EndpointWorld,
  places: Places,
): Promise<{ readonly endpoints: readonly EndpointRow[] }> {
  const { inode, state } = await requireMember(places);
  const records = await readEndpointFile(places, inode);
  const endpoints = resolveEndpoints(records, await host.readInterfaces());
  const { ops, obstacle } = planEndpoints(await kernel.observe(), endpoints);
  const behind =
    obstacle ?? (ops.length > 0 ? 'the kernel is not in step: run `tartan join`' : null);
  const rows = records.map(({ address, interface: name }) => {
    const found = endpoints.find((endpoint) => endpoint.address === address);
    if (found === undefined) return rowOf({ address, interface: name }, 'the interface is gone');
    const outside = isInside(state.subnet, address)
      ? null
      : `it is outside this host's subnet, ${state.subnet}`;
    return rowOf({ address, interface: found.device }, outside ?? behind);
  });
  return { endpoints: rows };
}

function rowOf({ address, interface: name }: WantedEndpoint, obstacle: Obstacle): EndpointRow {
  const row = { address, interface: name, active: obstacle === null };
  return obstacle === null ? row : { ...row, reason: obstacle };
}

async function requireMember(places: Places): Promise<{ state: HostState; inode: number }> {
  const path = statePath(places.stateDir, places.network);
  const state = requireJoined(await readState(path), path);
  const inode = await networkNamespaceInode();
  requireSamePlace(state, inode, { path, bpffs: places.bpffs, network: places.network });
  return { state, inode };
}
