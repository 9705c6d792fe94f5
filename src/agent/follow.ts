import type { Lease, LeaseAttributes } from '../lease/lease.ts';
import { isOfHost, ownsLease } from '../lease/ownership.ts';
import { emptyPeers, type PeerChange, type PeerTable, reducePeers } from '../lease/peers.ts';
import { formatPrefix } from '../net/prefix.ts';
import type { LeaseStore, Snapshot } from '../store/contract.ts';

/** What is known of the store, and what the kernel does not know yet. */
export interface Following {
  table(): PeerTable;
  /** Takes a snapshot that was read otherwise; ignored if newer things are known. */
  takeSnapshot(snapshot: Snapshot): void;
  /** The changes since the last call, of other nodes only. */
  takeChanges(own: Lease): PeerChange[];
  /**
   * Whether the store is known to hold this lease no longer, or for another node.
   * @param offered what is being published in the place of what it has
   */
  hasLost(own: Lease, offered?: LeaseAttributes): boolean;
  /** This host's lease as somebody has written it after `own`; null if nobody has. */
  writtenSince(own: Lease): Lease | null;
  /** Settles when the following has ended; rejects if it cannot go on. */
  readonly ended: Promise<void>;
}

export interface FollowListener {
  /** Something changed; `resynced`: the store told everything anew. */
  onUpdate(resynced: boolean): void;
  onRejected(key: string, reason: string): void;
  onUnavailable(message: string): void;
}

/**
 * Follows the store from a snapshot on, until the signal aborts. Updates are taken in as they come and wait in one
 * table, so that whoever is slow finds the newest state and not a queue.
 */
export function follow(
  store: LeaseStore,
  start: Snapshot,
  signal: AbortSignal,
  listener: FollowListener,
): Following {
  let table = reducePeers(emptyPeers(), { type: 'snapshot', snapshot: start }).table;
  let changes: PeerChange[] = [];
  let toldAnew = false;
  /** Reasons by key: what is known of is not told again with each snapshot. */
  let rejected = new Map(start.rejected.map(({ key, reason }) => [key, reason]));

  const take = (update: Parameters<typeof reducePeers>[1]) => {
    const reduction = reducePeers(table, update);
    table = reduction.table;
    changes.push(...reduction.changes);
  };

  const run = async () => {
    for await (const update of store.watch(start.revision, signal)) {
      if (update.type === 'unavailable') {
        listener.onUnavailable(update.message);
        continue;
      }
      take(update);
      toldAnew = update.type === 'snapshot';
      const now = new Map([...table.rejected.values()].map(({ key, reason }) => [key, reason]));
      for (const [key, reason] of now) {
        if (rejected.get(key) !== reason) listener.onRejected(key, reason);
      }
      rejected = now;
      listener.onUpdate(toldAnew);
    }
  };

  return {
    ended: run(),
    table: () => table,
    takeSnapshot(snapshot) {
      if (snapshot.revision > table.revision) take({ type: 'snapshot', snapshot });
    },
    takeChanges(own) {
      const taken = changes.filter(({ lease }) => !isOfHost(lease, own));
      changes = [];
      return taken;
    },
    hasLost(own, offered = own.attributes) {
      // What is older than the lease knows nothing of it; but a store restored from a backup counts anew.
      if (table.revision < own.revision && !toldAnew) return false;
      const current = table.leases.get(formatPrefix(own.subnet));
      if (current === undefined) return true;
      return !ownsLease(current, own.attributes) && !ownsLease(current, offered);
    },
    writtenSince(own) {
      const current = table.leases.get(formatPrefix(own.subnet));
      return current !== undefined && current.revision > own.revision ? current : null;
    },
  };
}
