/** Leases as `tartan lease` shows them. */
import { networkInterfaces } from 'node:os';
import type { Lease } from '../lease/lease.ts';
import { formatPrefix } from '../net/prefix.ts';
import type { LeaseStore } from '../store/contract.ts';
import { readState, statePath } from './state_file.ts';
import type { Places } from './world.ts';

/** etcd tells the end of a lease only when it is asked for that one: so many questions are under way at once. */
const QUESTIONS_AT_ONCE = 64;

/** What `lease show` prints, and `lease list` of each. Keys may be added, never renamed. */
export interface LeaseRow {
  readonly subnet: string;
  readonly publicIp: string;
  /** flannel's name of it; null where a lease does not tell: of udp, or reserved and not taken up yet. */
  readonly backend: string | null;
  readonly vtepMac: string | null;
  readonly reservation: boolean;
  /** ISO 8601; null for a reservation, which never ends. */
  readonly leaseExpires: string | null;
  /** Whether it is this host's. */
  readonly own: boolean;
}

/** What `lease list --json` prints. */
export interface LeaseList {
  /** By address. */
  readonly leases: readonly LeaseRow[];
  /** What lies among the leases and is none. */
  readonly rejected: readonly {
    readonly key: string;
    /** The subnet that is not handed out because of it. */
    readonly subnet: string | null;
    readonly reason: string;
  }[];
}

/** Every lease there is, each with its end. */
export async function listLeases(store: LeaseStore, own: ReadonlySet<string>): Promise<LeaseList> {
  const { leases, rejected } = await store.list();
  const known = await mapAtOnce(leases.toSorted(byAddress), (lease) => withEnd(store, lease));
  const rows = known.filter((lease) => lease !== null).map((lease) => describeLease(lease, own));
  return {
    leases: rows,
    rejected: rejected.map(({ key, subnet, reason }) => ({
      key,
      subnet: subnet && formatPrefix(subnet),
      reason,
    })),
  };
}

/** null: it has ended since. */
async function withEnd(store: LeaseStore, lease: Lease): Promise<Lease | null> {
  if (lease.expiresAt !== 'unknown') return lease;
  return store.complete === undefined ? store.get(lease.subnet) : store.complete(lease);
}

function byAddress({ subnet: a }: Lease, { subnet: b }: Lease): number {
  return a.address - b.address || a.length - b.length;
}

/** Several at a time, in order. */
async function mapAtOnce<T, R>(items: readonly T[], ask: (item: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = [];
  const waiting = items.entries();
  const askInTurn = async () => {
    for (const [index, item] of waiting) answers[index] = await ask(item);
  };
  await Promise.all(Array.from({ length: QUESTIONS_AT_ONCE }, askInTurn));
  return answers;
}

export function describeLease(lease: Lease, own: ReadonlySet<string>): LeaseRow {
  const { subnet, attributes, expiresAt } = lease;
  return {
    subnet: formatPrefix(subnet),
    publicIp: attributes.publicIp,
    backend: attributes.backendType || null,
    vtepMac: attributes.vxlan?.vtepMac ?? null,
    reservation: expiresAt === 'never',
    leaseExpires: expiresAt instanceof Date ? expiresAt.toISOString() : null,
    own: own.has(attributes.publicIp),
  };
}

/** The addresses by which this host may be known: its own, and the one it joined with. */
export async function ownAddresses({
  stateDir,
  network,
}: Pick<Places, 'stateDir' | 'network'>): Promise<ReadonlySet<string>> {
  // Only root may read it, and nothing here needs root.
  const state = await readState(statePath(stateDir, network)).catch(() => null);
  const local = Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).filter(({ internal }) => !internal).map(({ address }) => address),
  );
  return new Set(state === null ? local : [...local, state.publicIp]);
}
