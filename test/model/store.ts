/**
 * A store as a value: a call gives an answer and the store as it is then. Nothing is changed in place, so that a search
 * can go on from any store there ever was. Keys, values and their reading are the real stores' own.
 */
import { encodeAttributes, encodeSubnetKey } from '../../src/lease/codec.ts';
import type { Lease, LeaseAttributes } from '../../src/lease/lease.ts';
import type { Prefix } from '../../src/net/prefix.ts';
import type {
  LeaseEvent,
  LeaseStore,
  Snapshot,
  StoreUpdate,
  TtlSeconds,
} from '../../src/store/contract.ts';
import {
  keyLayout,
  putEvent,
  readEntry,
  removedEvent,
  type SubnetEntry,
  snapshotOf,
} from '../../src/store/keys.ts';

export const LAYOUT = keyLayout('');

export interface Entry {
  readonly key: string;
  readonly value: string;
  /** Of the last write. */
  readonly revision: number;
  /** ms since the epoch by the store's clock; null: never. */
  readonly endsAt: number | null;
}

export interface ModelStore {
  readonly revision: number;
  /** By key. */
  readonly entries: readonly Entry[];
  /** What happened, oldest first; `entry` is null for a removal. */
  readonly changes: readonly Change[];
}

export interface Change {
  readonly revision: number;
  readonly key: string;
  readonly entry: Entry | null;
}

export const EMPTY_STORE: ModelStore = { revision: 1, entries: [], changes: [] };

type Method = Exclude<
  keyof LeaseStore,
  'description' | 'watch' | 'complete' | 'reconnect' | 'close'
>;

/** What a node asks a store, and what it is told. */
export type Call = {
  [M in Method]: { readonly method: M; readonly args: Parameters<LeaseStore[M]> };
}[Method];
export type Answer = Awaited<ReturnType<LeaseStore[Method]>>;

/** What a store is to do. Each of these can be broken, to see that it is noticed. */
export interface StoreRules {
  /** A renewal compares the revision. */
  readonly compares: boolean;
  /** A renewal makes the lease last longer. */
  readonly extends: boolean;
  /** The renewal of a reservation leaves it without an end. */
  readonly keepsReservations: boolean;
}

export const SOUND: StoreRules = { compares: true, extends: true, keepsReservations: true };

/** When a call is carried out, in ms. */
export interface CallTime {
  /** Since the epoch, by the store's clock. */
  readonly now: number;
  /** How far the caller's clock is ahead: ends of leases are told by that. */
  readonly skew: number;
}

/** Carries one call out, whole or not at all. */
export function carryOut(
  store: ModelStore,
  call: Call,
  { now, skew }: CallTime,
  rules: StoreRules = SOUND,
): { store: ModelStore; answer: Answer } {
  const told = (next: ModelStore, key: string) => ({
    store: next,
    answer: leaseAt(next, key, skew),
  });
  switch (call.method) {
    case 'readConfig': {
      const found = find(store, LAYOUT.config);
      return { store, answer: found && { text: found.value, revision: found.revision } };
    }
    case 'writeConfig': {
      const [text, expected] = call.args;
      const stands = find(store, LAYOUT.config)?.revision === expected?.revision;
      if (!stands) return { store, answer: false };
      return { store: put(store, LAYOUT.config, text, null), answer: true };
    }
    case 'list':
      return { store, answer: snapshot(store) };
    case 'get':
      return { store, answer: leaseAt(store, keyOf(call.args[0]), skew) };
    case 'create': {
      const [subnet, attributes, ttl] = call.args;
      const key = keyOf(subnet);
      if (find(store, key) !== null) return { store, answer: null };
      return told(putLease(store, key, attributes, endOf(ttl, now)), key);
    }
    case 'renew': {
      const [lease, attributes, ttlSeconds] = call.args;
      const key = keyOf(lease.subnet);
      const found = find(store, key);
      if (rules.compares && found?.revision !== lease.revision) return { store, answer: null };
      const isReservation = found?.endsAt === null && rules.keepsReservations;
      const end = rules.extends || found === null ? now + ttlSeconds * 1000 : found.endsAt;
      return told(putLease(store, key, attributes, isReservation ? null : end), key);
    }
    case 'convert': {
      const [lease, ttl] = call.args;
      const key = keyOf(lease.subnet);
      const found = find(store, key);
      if (found?.revision !== lease.revision) return { store, answer: null };
      return told(put(store, key, found.value, endOf(ttl, now)), key);
    }
    case 'remove': {
      const [lease] = call.args;
      const key = keyOf(lease.subnet);
      if (find(store, key)?.revision !== lease.revision) return { store, answer: false };
      return { store: removeKey(store, key), answer: true };
    }
  }
}

/** The update that comes after a revision; null: nothing has happened to leases since. */
export function updateAfter(store: ModelStore, from: number): StoreUpdate | null {
  if (from > store.revision) return { type: 'snapshot', snapshot: snapshot(store) };
  for (const change of store.changes) {
    const event = change.revision > from ? eventOf(change) : null;
    if (event !== null) return { type: 'events', events: [event], revision: change.revision };
  }
  return null;
}

const snapshots = new WeakMap<readonly Entry[], Snapshot>();

/** Every lease there is. When they end is not told, as etcd does not tell it. */
export function snapshot(store: ModelStore): Snapshot {
  const known = snapshots.get(store.entries);
  if (known?.revision === store.revision) return known;
  const read = readSnapshot(store);
  snapshots.set(store.entries, read);
  return read;
}

function readSnapshot(store: ModelStore): Snapshot {
  const subnets = store.entries.filter(({ key }) => key.startsWith(LAYOUT.subnets));
  return snapshotOf(LAYOUT, subnets.map(readable), store.revision);
}

export function find(store: ModelStore, key: string): Entry | null {
  return store.entries.find((entry) => entry.key === key) ?? null;
}

export function keyOf(subnet: Prefix): string {
  return LAYOUT.subnets + encodeSubnetKey(subnet);
}

export function put(
  store: ModelStore,
  key: string,
  value: string,
  endsAt: number | null,
): ModelStore {
  const revision = store.revision + 1;
  const entry = { key, value, revision, endsAt };
  const others = store.entries.filter((other) => other.key !== key);
  const entries = [...others, entry].toSorted((a, b) => (a.key < b.key ? -1 : 1));
  return { revision, entries, changes: [...store.changes, { revision, key, entry }] };
}

export function removeKey(store: ModelStore, key: string): ModelStore {
  const revision = store.revision + 1;
  const entries = store.entries.filter((entry) => entry.key !== key);
  return { revision, entries, changes: [...store.changes, { revision, key, entry: null }] };
}

function endOf(ttl: TtlSeconds, now: number): number | null {
  return ttl === 'never' ? null : now + ttl * 1000;
}

function putLease(
  store: ModelStore,
  key: string,
  attributes: LeaseAttributes,
  endsAt: number | null,
): ModelStore {
  return put(store, key, encodeAttributes(attributes), endsAt);
}

function leaseAt(store: ModelStore, key: string, skew: number): Lease | null {
  const found = find(store, key);
  if (found === null) return null;
  const expiresAt = found.endsAt === null ? 'never' : new Date(found.endsAt + skew);
  const read = readEntry(LAYOUT, { ...readable(found), expiresAt });
  return 'lease' in read ? read.lease : null;
}

function eventOf({ key, entry }: Change): LeaseEvent | null {
  if (!key.startsWith(LAYOUT.subnets)) return null;
  return entry === null ? removedEvent(LAYOUT, key) : putEvent(LAYOUT, readable(entry));
}

function readable({ key, value, revision, endsAt }: Entry): SubnetEntry {
  return { key, value, revision, expiresAt: endsAt === null ? 'never' : 'unknown' };
}
