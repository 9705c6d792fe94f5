/** Kernel mode's entries for peers, as flanneld makes them: VTEP address → MAC, and MAC → host. */
import { formatIpv4 } from '../net/ipv4.ts';
import { formatMac } from '../net/mac.ts';
import type { FdbEntry, Neighbor } from '../plan/routes.ts';
import { readFdb, readNeighbors } from '../sys/rtnetlink/neighbors.ts';
import type { Interface } from './interfaces.ts';
import { runBatch } from './iproute.ts';

/** The permanent entries on a device. */
export function observeNeighbors({ index, name: device }: Interface): Neighbor[] {
  return readNeighbors(index).map(({ destination, address }) => ({
    device,
    address: formatIpv4(destination),
    mac: formatMac(address),
  }));
}

/** The permanent entries on a device that say no more than ours do. */
export function observeFdb({ index, name: device }: Interface): FdbEntry[] {
  return readFdb(index).map(({ destination, address }) => ({
    device,
    mac: formatMac(address),
    publicIp: formatIpv4(destination),
  }));
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
