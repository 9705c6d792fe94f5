import { formatPrefix, type Prefix } from '../net/prefix.ts';
import { decodeSubnetKey, encodeSubnetKey } from './codec.ts';
import type { Lease, LeaseAttributes, RejectedKey } from './lease.ts';

/** Everything that is known of the store's leases, at one revision. Never changed in place. */
export interface PeerTable {
  /** The store's revision up to which all changes are in. */
  readonly revision: number;
  /** By subnet, `10.5.52.0/24`. */
  readonly leases: ReadonlyMap<string, Lease>;
  /** By key, `10.5.52.0-24`. */
  readonly rejected: ReadonlyMap<string, RejectedKey>;
}

/** Every lease at one revision. */
export interface PeerSnapshot {
  readonly leases: readonly Lease[];
  readonly rejected: readonly RejectedKey[];
  readonly revision: number;
}

/** One change in the store. */
export type PeerEvent =
  | { readonly type: 'put'; readonly lease: Lease }
  | { readonly type: 'removed'; readonly subnet: Prefix }
  | { readonly type: 'rejected'; readonly rejected: RejectedKey };

/**
 * What a watch yields. A batch's `revision` is that of its last event, not of the store when it was sent: what a later
 * batch brings from below it would be taken for stale.
 */
export type PeerUpdate =
  | { readonly type: 'snapshot'; readonly snapshot: PeerSnapshot }
  | {
      readonly type: 'events';
      readonly events: readonly PeerEvent[];
      readonly revision: number;
    }
  | { readonly type: 'unavailable' };

/** What a peer's lease means for the host: a renewal alone is no change. */
export interface PeerChange {
  readonly type: 'added' | 'changed' | 'removed';
  /** As it is now, or as it was last if it is removed. */
  readonly lease: Lease;
}

export interface Reduction {
  readonly table: PeerTable;
  /** In the order in which they happened; of a snapshot, what is gone comes first. */
  readonly changes: readonly PeerChange[];
}

/** The table of somebody who has not heard from the store yet: any snapshot or event is news. */
export function emptyPeers(): PeerTable {
  return { revision: 0, leases: new Map(), rejected: new Map() };
}

/**
 * Takes an update in. A snapshot replaces everything, also if its revision is lower (a store restored from a backup),
 * and gives the difference. Events that are in the table already change nothing. The own lease is treated like any
 * other.
 */
export function reducePeers(table: PeerTable, update: PeerUpdate): Reduction {
  switch (update.type) {
    case 'snapshot':
      return replaceAll(table, update.snapshot);
    case 'events':
      return applyEvents(table, update.events, update.revision);
    case 'unavailable':
      return { table, changes: [] };
  }
}

/** Whether two leases mean the same for their peers. */
export function sameAttributes(a: LeaseAttributes, b: LeaseAttributes): boolean {
  return (
    a.publicIp === b.publicIp &&
    a.publicIpv6 === b.publicIpv6 &&
    a.backendType === b.backendType &&
    a.vxlan?.vni === b.vxlan?.vni &&
    a.vxlan?.vtepMac === b.vxlan?.vtepMac
  );
}

function replaceAll(table: PeerTable, snapshot: PeerSnapshot): Reduction {
  const leases = new Map(snapshot.leases.map((lease) => [formatPrefix(lease.subnet), lease]));
  const rejected = new Map(snapshot.rejected.map((entry) => [entry.key, entry]));
  const removed = [...table.leases].filter(([subnet]) => !leases.has(subnet));
  const changes = [
    ...removed.map(([, lease]) => ({ type: 'removed', lease }) as const),
    ...[...leases].flatMap(([subnet, lease]) => changeOf(table.leases.get(subnet), lease)),
  ];
  return { table: { revision: snapshot.revision, leases, rejected }, changes };
}

function applyEvents(table: PeerTable, events: readonly PeerEvent[], revision: number): Reduction {
  if (revision <= table.revision) return { table, changes: [] };
  // One copy a batch: about a millisecond for 10,000 leases, and the earlier table stays good.
  const next = { revision, leases: new Map(table.leases), rejected: new Map(table.rejected) };
  const news = events.filter(
    (event) => event.type !== 'put' || event.lease.revision > table.revision,
  );
  return { table: next, changes: news.flatMap((event) => applyEvent(next, event)) };
}

interface MutableTable {
  readonly leases: Map<string, Lease>;
  readonly rejected: Map<string, RejectedKey>;
}

function applyEvent({ leases, rejected }: MutableTable, event: PeerEvent): PeerChange[] {
  switch (event.type) {
    case 'put':
      rejected.delete(encodeSubnetKey(event.lease.subnet));
      return putLease(leases, event.lease);
    case 'removed':
      rejected.delete(encodeSubnetKey(event.subnet));
      return removeLease(leases, event.subnet);
    case 'rejected':
      rejected.set(event.rejected.key, event.rejected);
      return removeLease(leases, decodeSubnetKey(event.rejected.key));
  }
}

function putLease(leases: Map<string, Lease>, lease: Lease): PeerChange[] {
  const subnet = formatPrefix(lease.subnet);
  const known = leases.get(subnet);
  leases.set(subnet, lease);
  return changeOf(known, lease);
}

/** A key that was overwritten with garbage is no lease any more, so `rejected` removes one too. */
function removeLease(leases: Map<string, Lease>, subnet: Prefix | null): PeerChange[] {
  const key = subnet === null ? '' : formatPrefix(subnet);
  const lease = leases.get(key);
  leases.delete(key);
  return lease === undefined ? [] : [{ type: 'removed', lease }];
}

function changeOf(known: Lease | undefined, lease: Lease): PeerChange[] {
  if (known === undefined) return [{ type: 'added', lease }];
  return sameAttributes(known.attributes, lease.attributes) ? [] : [{ type: 'changed', lease }];
}
