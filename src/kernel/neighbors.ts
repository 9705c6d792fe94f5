/** Kernel mode's entries for peers, as flanneld makes them: VTEP address → MAC, and MAC → host. */
import type { FdbEntry, Neighbor } from '../plan/routes.ts';
import { readJson, runBatch } from './iproute.ts';

/** `ip -json neigh show`. */
interface IpNeighbor {
  readonly dst: string;
  readonly lladdr?: string;
}

/** `bridge -json fdb show`. */
interface BridgeFdbEntry {
  readonly mac: string;
  readonly dst?: string;
  readonly state?: string;
  /** Only where they are not the device's own. */
  readonly port?: number;
  readonly vni?: number;
  readonly src_vni?: number;
  readonly viaIf?: string;
}

/** The permanent entries on a device. */
export async function observeNeighbors(device: string): Promise<Neighbor[]> {
  const argv = ['-4', 'neigh', 'show', 'dev', device, 'nud', 'permanent'];
  const shown = await readJson<IpNeighbor>('ip', ...argv);
  return shown.map(({ dst, lladdr = '' }) => ({ device, address: dst, mac: lladdr }));
}

/** The permanent entries on a device that say no more than ours do. */
export async function observeFdb(device: string): Promise<FdbEntry[]> {
  const shown = await readJson<BridgeFdbEntry>('bridge', 'fdb', 'show', 'dev', device);
  return shown.flatMap(({ mac, dst, state, port, vni, src_vni, viaIf }) => {
    const isPlain = (port ?? vni ?? src_vni ?? viaIf) === undefined;
    if (dst === undefined || state !== 'permanent' || !isPlain) return [];
    return [{ device, mac, publicIp: dst }];
  });
}

export function writeNeighbors(neighbors: readonly Neighbor[]): Promise<void> {
  return runBatch(
    'ip',
    neighbors.map(
      ({ device, address, mac }) =>
        `neigh replace ${address} lladdr ${mac} dev ${device} nud permanent`,
    ),
  );
}

export function removeNeighbors(neighbors: readonly Neighbor[]): Promise<void> {
  return runBatch(
    'ip',
    neighbors.map(({ device, address }) => `neigh delete ${address} dev ${device}`),
  );
}

export function writeFdb(fdb: readonly FdbEntry[]): Promise<void> {
  return runBatch(
    'bridge',
    fdb.map(
      ({ device, mac, publicIp }) => `fdb replace ${mac} dev ${device} dst ${publicIp} permanent`,
    ),
  );
}

export function removeFdb(fdb: readonly FdbEntry[]): Promise<void> {
  return runBatch(
    'bridge',
    fdb.map(({ device, mac, publicIp }) => `fdb delete ${mac} dev ${device} dst ${publicIp}`),
  );
}
