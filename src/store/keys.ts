import { messageOf } from '../errors.ts';
import { claimedSubnet, decodeAttributes, decodeSubnetKey } from '../lease/codec.ts';
import type { Expiry, Lease, RejectedKey } from '../lease/lease.ts';
import type { LeaseEvent, Snapshot } from './contract.ts';

/** flannel's default for `-etcd-prefix`. */
export const DEFAULT_PREFIX = '/coreos.com/network';

/** Where one network's keys lie: flannel's layout, the same in every store. */
export interface KeyLayout {
  /** `/coreos.com/network/config` */
  readonly config: string;
  /** `/coreos.com/network/subnets/`: the first string of the range that holds the leases. */
  readonly subnets: string;
  /** The first string after that range, exclusive. */
  readonly subnetsEnd: string;
}

/** A key under the subnets prefix, as a store holds it. */
export interface SubnetEntry {
  /** The whole key. */
  readonly key: string;
  readonly value: string;
  readonly revision: number;
  readonly expiresAt: Expiry;
  readonly handle?: string;
}

export function keyLayout(prefix: string = DEFAULT_PREFIX): KeyLayout {
  const root = prefix.replace(/\/+$/, '');
  // '0' is the character after '/'.
  return { config: `${root}/config`, subnets: `${root}/subnets/`, subnetsEnd: `${root}/subnets0` };
}

/** Sorts what was listed into leases and what is none; nothing that is found can make this throw. */
export function snapshotOf(
  layout: KeyLayout,
  entries: Iterable<SubnetEntry>,
  revision: number,
): Snapshot {
  const leases: Lease[] = [];
  const rejected: RejectedKey[] = [];
  for (const entry of entries) {
    const read = readEntry(layout, entry);
    if ('lease' in read) leases.push(read.lease);
    else rejected.push(read.rejected);
  }
  return { leases, rejected, revision };
}

/** The event that a write to a subnet key is. */
export function putEvent(layout: KeyLayout, entry: SubnetEntry): LeaseEvent {
  const read = readEntry(layout, entry);
  if ('lease' in read) return { type: 'put', lease: read.lease };
  return { type: 'rejected', rejected: read.rejected };
}

/**
 * The event that the end of a subnet key is; `null` for a key that never was a lease: the subnet it lays claim to may
 * be another key's lease, which must not look removed.
 */
export function removedEvent(layout: KeyLayout, key: string): LeaseEvent | null {
  const subnet = decodeSubnetKey(lastPart(layout, key));
  return subnet === null ? null : { type: 'removed', subnet };
}

/** One entry as a lease, or what is wrong with it. */
export function readEntry(
  layout: KeyLayout,
  entry: SubnetEntry,
): { lease: Lease } | { rejected: RejectedKey } {
  const key = lastPart(layout, entry.key);
  const subnet = decodeSubnetKey(key);
  if (subnet === null) {
    const reason = `${JSON.stringify(key)} is not a subnet's key, such as 10.5.52.0-24`;
    return { rejected: { key, subnet: claimedSubnet(key), reason } };
  }
  try {
    const attributes = decodeAttributes(entry.value);
    const { revision, expiresAt, handle } = entry;
    return {
      lease: { subnet, attributes, expiresAt, revision, ...(handle !== undefined && { handle }) },
    };
  } catch (error) {
    return { rejected: { key, subnet, reason: messageOf(error) } };
  }
}

function lastPart(layout: KeyLayout, key: string): string {
  return key.slice(layout.subnets.length);
}
