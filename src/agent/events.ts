import type { Lease } from '../lease/lease.ts';
import { formatPrefix, type Prefix, prefixesEqual } from '../net/prefix.ts';
import { holderOf, leaseLost, successorOf } from './renewal.ts';

/** One line of `watch`. Keys may be added, never renamed. */
export interface WatchEvent {
  /** ISO 8601. */
  readonly time: string;
  readonly type: /** All peers of the store are in the kernel: after the start, and after a resync. */
    | 'synced'
    /** Of `run` alone: this host is a member now, with that lease. */
    | 'joined'
    | 'added'
    | 'changed'
    | 'removed'
    /** This host's own lease. */
    | 'renewed'
    | 'lost'
    | 'acquired'
    /** Of several networks: this host takes part in it no longer, as it is gone from the store. */
    | 'left'
    /** Something was not as it should be in the kernel or on disk, and is again. */
    | 'reconciled'
    | 'error';
  /** Which one, where there are several. */
  readonly network?: string;
  readonly subnet?: string;
  readonly publicIp?: string;
  /** Of `acquired`: the subnet that this host had before, where that was another. */
  readonly formerSubnet?: string;
  readonly message?: string;
}

export type EventDetail = Omit<WatchEvent, 'time' | 'type'>;

/** Tells of events, and of each trouble once, however many tasks it keeps from their work. */
export interface Herald {
  tell(type: WatchEvent['type'], detail?: EventDetail): void;
  /** A task fails: an `error`, unless it or another one failed with the same message last. */
  trouble(task: string, message: string): void;
  /** The task succeeds again. */
  relief(task: string): void;
  /** What keeps the task from its work; null: nothing. */
  troubleOf(task: string): string | null;
  /** The store is away: one `error`, whoever notices it. */
  outage(message: string): void;
  /** The store is back. */
  recovery(): void;
}

export function createHerald(emit: (event: WatchEvent) => void, now: () => number): Herald {
  const troubles = new Map<string, string>();
  let away = false;
  const tell = (type: WatchEvent['type'], detail: EventDetail = {}) =>
    emit({ time: new Date(now()).toISOString(), type, ...detail });
  return {
    tell,
    trouble(task, message) {
      const isKnown = [...troubles.values()].includes(message);
      troubles.set(task, message);
      if (!isKnown) tell('error', { message });
    },
    relief(task) {
      troubles.delete(task);
    },
    troubleOf: (task) => troubles.get(task) ?? null,
    outage(message) {
      if (!away) tell('error', { message });
      away = true;
    },
    recovery() {
      away = false;
    },
  };
}

/** What an event says of a lease. */
export function leaseDetail({ subnet, attributes }: Lease): EventDetail {
  return { subnet: formatPrefix(subnet), publicIp: attributes.publicIp };
}

/** What `acquired` says: if the subnet is another now, also what has become of the former one. */
export function acquiredDetail(
  lease: Lease,
  former: Prefix,
  leases: readonly Lease[],
): EventDetail {
  const detail = leaseDetail(lease);
  if (prefixesEqual(lease.subnet, former)) return detail;
  const message = whyLost(lease, former, leases);
  return { ...detail, formerSubnet: formatPrefix(former), ...(message !== null && { message }) };
}

/** Why a former lease of this host is no more; null: there it is, beside the one that the host has taken. */
export function whyLost(own: Lease, former: Prefix, leases: readonly Lease[]): string | null {
  const successor = successorOf(leases, former, own);
  if (successor !== null) return leaseLost(former, successor).message;
  const isLeft = !prefixesEqual(own.subnet, former) && holderOf(leases, former) !== null;
  return isLeft ? null : leaseLost(former, null).message;
}
