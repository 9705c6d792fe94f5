/** `tartan lease`: who has which subnet, and which are kept for somebody. Works on the store alone. */
import { TartanError } from '../errors.ts';
import { leaseFits } from '../lease/allocate.ts';
import { encodeSubnetKey } from '../lease/codec.ts';
import { type NetworkConfig, parseConfig } from '../lease/config.ts';
import type { Lease, RejectedKey } from '../lease/lease.ts';
import {
  bareAttributes,
  holdOf,
  mayBeInUse,
  planReservation,
  type ReservationPlan,
  type ReservationRequest,
  requireFree,
} from '../lease/reservation.ts';
import { formatPrefix, type Prefix, prefixesEqual } from '../net/prefix.ts';
import type { LeaseStore, Snapshot } from '../store/contract.ts';
import { describeLease, type LeaseRow } from './lease_rows.ts';
import type { Log } from './log.ts';
import { LEASE_TTL_SECONDS } from './renewal.ts';
import { requireConfig } from './survey.ts';

/** Somebody else may write between reading and writing, but not for ever. */
const ATTEMPTS = 3;

export interface LeaseWorld {
  readonly store: LeaseStore;
  readonly log: Log;
  /** PublicIPs by which this host is known. */
  readonly own: ReadonlySet<string>;
}

/** What `lease reserve` prints. */
export type ReservationReport = LeaseRow & { readonly changed: boolean };

/** What `lease release` prints. */
export interface ReleaseReport {
  readonly subnet: string;
  /** Whose it was, or still is; null if it was nobody's. */
  readonly publicIp: string | null;
  /** When it is free, unless it is renewed, ISO 8601; null: it is free. */
  readonly leaseExpires: string | null;
  readonly changed: boolean;
}

/**
 * The lease of a subnet.
 * @throws TartanError `LEASE_MISSING`
 */
export async function showLease({ store, own }: LeaseWorld, subnet: Prefix): Promise<LeaseRow> {
  const lease = await store.get(subnet);
  if (lease === null) throw await missing(store, subnet);
  return describeLease(lease, own);
}

/**
 * Keeps a subnet for a node, for ever; what is so already stays as it is.
 * @param publicIp null: for the node that has it now
 * @throws TartanError `USAGE`, `LEASE_TAKEN`, `LEASE_MISSING`, `CONFIG_MISSING`, `BUSY`
 */
export async function reserve(
  world: LeaseWorld,
  subnet: Prefix,
  publicIp: string | null,
): Promise<ReservationReport> {
  const { store, log, own } = world;
  const config = await requireConfig(store);
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const snapshot = await store.list();
    const { leases, rejected } = snapshot;
    const request = { config, leases, rejected, subnet, publicIp };
    const plan = planReservation(request);
    const lease = await carryOut(store, request, plan);
    if (lease === null) continue;
    warnOfOthers(log, lease, snapshot);
    return { ...describeLease(lease, own), changed: plan.kind !== 'keep' };
  }
  throw tooBusy(subnet);
}

/** @returns null if somebody else was faster */
async function carryOut(
  store: LeaseStore,
  { subnet }: ReservationRequest,
  plan: ReservationPlan,
): Promise<Lease | null> {
  if (plan.kind === 'keep') return plan.lease;
  if (plan.kind === 'convert') return store.convert(plan.lease, 'never');
  const created = await store.create(subnet, bareAttributes(plan.publicIp), 'never');
  if (created === null) return null;
  // A subnet of another length is another key, which the store does not compare.
  try {
    requireFree({ ...(await store.list()), subnet });
  } catch (error) {
    await store.remove(created);
    throw error;
  }
  return created;
}

function warnOfOthers(log: Log, { subnet, attributes }: Lease, { leases }: Snapshot): void {
  const { publicIp } = attributes;
  const others = leases.filter(
    (other) => other.attributes.publicIp === publicIp && !prefixesEqual(other.subnet, subnet),
  );
  for (const other of others) {
    const what = other.expiresAt === 'never' ? 'is reserved for it too' : 'is its lease now';
    log.warn(
      `${formatPrefix(other.subnet)} ${what}: at its next join ${publicIp} takes the lowest subnet that is reserved for it`,
    );
  }
}

/**
 * Ends a reservation. One that a node may be using becomes a lease like any other, so that nothing changes for the node
 * and the subnet is free 24 hours after its last renewal; one that nobody took up is free at once. By force, any lease
 * is removed at once.
 * @throws TartanError `LEASE_MISSING` for a key that is no lease; `BUSY`
 */
export async function release(
  { store, log }: LeaseWorld,
  subnet: Prefix,
  force: boolean,
): Promise<ReleaseReport> {
  const name = formatPrefix(subnet);
  const config = await readConfigOrNull(store);
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const lease = await store.get(subnet);
    if (lease === null) {
      await requireNotRejected(store, subnet);
      log.warn(`nobody has ${name}: there is nothing to release`);
      return { subnet: name, publicIp: null, leaseExpires: null, changed: false };
    }
    const { publicIp } = lease.attributes;
    if (force || (lease.expiresAt === 'never' && !mayBeInUse(lease, config))) {
      if (!(await store.remove(lease))) continue;
      return { subnet: name, publicIp, leaseExpires: null, changed: true };
    }
    const { expiresAt } = lease;
    if (expiresAt !== 'never') {
      log.warn(`${name} is ${holdOf(lease)}, and not reserved; --force removes it`);
    }
    const left = expiresAt === 'never' ? await store.convert(lease, LEASE_TTL_SECONDS) : lease;
    if (left === null) continue;
    if (config !== null && !leaseFits(config, left)) {
      log.warn(
        `the network hands out no ${name} by itself: ${publicIp} gives it up at its next join`,
      );
    }
    const { leaseExpires } = describeLease(left, new Set());
    return { subnet: name, publicIp, leaseExpires, changed: left !== lease };
  }
  throw tooBusy(subnet);
}

async function readConfigOrNull(store: LeaseStore): Promise<NetworkConfig | null> {
  const stored = await store.readConfig();
  if (stored === null) return null;
  try {
    return parseConfig(stored.text);
  } catch {
    return null;
  }
}

async function requireNotRejected(store: LeaseStore, subnet: Prefix): Promise<void> {
  const found = await findRejected(store, subnet);
  if (found !== null) throw noLease(found);
}

async function missing(store: LeaseStore, subnet: Prefix): Promise<TartanError> {
  const found = await findRejected(store, subnet);
  if (found !== null) return noLease(found);
  return new TartanError(
    'LEASE_MISSING',
    `nobody has ${formatPrefix(subnet)}`,
    '`tartan lease list` shows all subnets that are taken.',
  );
}

async function findRejected(store: LeaseStore, subnet: Prefix): Promise<RejectedKey | null> {
  const { rejected } = await store.list();
  return rejected.find(({ key }) => key === encodeSubnetKey(subnet)) ?? null;
}

function noLease({ key, reason }: RejectedKey): TartanError {
  return new TartanError(
    'LEASE_MISSING',
    `the key ${JSON.stringify(key)} is no lease: ${reason}`,
    'Find out who wrote it, and remove it with the tools of the store.',
  );
}

function tooBusy(subnet: Prefix): TartanError {
  return new TartanError(
    'BUSY',
    `${formatPrefix(subnet)} changed ${ATTEMPTS} times between reading and writing`,
    'Run it again in a while.',
  );
}
