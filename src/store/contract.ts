import type { Lease, LeaseAttributes } from '../lease/lease.ts';
import type { PeerEvent, PeerSnapshot } from '../lease/peers.ts';
import type { Prefix } from '../net/prefix.ts';

/** The network config as it stands in the store: text, so that what flannel wrote is kept byte for byte. */
export interface StoredConfig {
  readonly text: string;
  /** Revision of the last write to the config. */
  readonly revision: number;
}

/** How long a lease is to last; `never`: it is a reservation, a key without TTL. */
export type TtlSeconds = number | 'never';

/** Every lease at one revision; `watch` goes on from there. */
export type Snapshot = PeerSnapshot;

/** One change. */
export type LeaseEvent = PeerEvent;

/** What a watch yields. */
export type StoreUpdate =
  /** Forget what you knew: this is all there is (after compaction, outage, or a store restored from a backup). */
  | { readonly type: 'snapshot'; readonly snapshot: Snapshot }
  /** Changes in revision order, each exactly once. One transaction, or one wake-up, is one batch. */
  | { readonly type: 'events'; readonly events: readonly LeaseEvent[]; readonly revision: number }
  /** The store cannot be reached now. The watch goes on trying by itself: what you know stays good. */
  | { readonly type: 'unavailable'; readonly message: string };

/**
 * Where config and leases live. Each call that can find the store away rejects with `STORE_UNAVAILABLE`
 * within 10 s; a store that answers but fails, with `STORE_FAILED`. Writes are compare-and-swap: `null` or `false`
 * means that somebody else was first, and nothing was written.
 */
export interface LeaseStore {
  /** For messages: `etcd http://127.0.0.1:2379`, `file /var/lib/tartan/net.db`. No secrets. */
  readonly description: string;

  readConfig(): Promise<StoredConfig | null>;
  /** Writes the config if what stands there still is `expected` (`null`: nothing stands there). */
  writeConfig(text: string, expected: StoredConfig | null): Promise<boolean>;

  list(): Promise<Snapshot>;
  /** One lease with its `expiresAt` known; `null` if there is none (or if it is rejected). */
  get(subnet: Prefix): Promise<Lease | null>;
  /**
   * A lease that `list` has told, with its `expiresAt` known; `null` if there is none of that subnet any more. Asks less
   * than `get` does. Absent: `get` asks no more.
   */
  complete?(lease: Lease): Promise<Lease | null>;
  /** Creates the lease only if the subnet's key is absent; `null` if it is not. */
  create(subnet: Prefix, attributes: LeaseAttributes, ttl: TtlSeconds): Promise<Lease | null>;
  /**
   * Writes attributes and a fresh TTL if the key still is at `lease.revision`; `null` if it is not.
   * A reservation (`expiresAt: 'never'`) stays one.
   */
  renew(lease: Lease, attributes: LeaseAttributes, ttlSeconds: number): Promise<Lease | null>;
  /**
   * Makes a lease a reservation, or a reservation a lease that ends, if the key still is at `lease.revision`; `null` if
   * it is not. The value stays as it is, byte for byte.
   */
  convert(lease: Lease, ttl: TtlSeconds): Promise<Lease | null>;
  /** Removes the key if it still is at `lease.revision`. */
  remove(lease: Lease): Promise<boolean>;

  /**
   * All that happens after revision `from` (a snapshot's), until the signal aborts; then the iterable ends.
   * Only `unavailable` tells of outages: the iterable never throws for them.
   */
  watch(from: number, signal: AbortSignal): AsyncIterable<StoreUpdate>;

  /**
   * Makes connections anew: the host's address is another, and what was sent from the old one is never answered. A watch
   * then lists again. Absent: there are none.
   */
  reconnect?(): void;

  close(): Promise<void>;
}

/** The networks that there are, where a host can take part in several. */
export interface NetworkDirectory {
  /** For messages. No secrets. */
  readonly description: string;
  /** Names of those that have a config, in order. Rejects as a store's calls do. */
  list(): Promise<readonly string[]>;
  close(): Promise<void>;
}
