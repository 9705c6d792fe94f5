import { TartanError } from '../errors.ts';
import { allocate, CANDIDATE_WINDOW } from '../lease/allocate.ts';
import type { NetworkConfig } from '../lease/config.ts';
import type { Lease, LeaseAttributes } from '../lease/lease.ts';
import { mayTakeOver, type Newcomer, ownsLease } from '../lease/ownership.ts';
import { sameAttributes } from '../lease/peers.ts';
import { type Prefix, prefixesEqual } from '../net/prefix.ts';
import type { LeaseStore, Snapshot } from '../store/contract.ts';
import { type Clocks, type Moment, readClocks } from './clocks.ts';
import { isDue, LEASE_TTL_SECONDS } from './renewal.ts';

const ATTEMPTS = 12;

/**
 * Of a thousand nodes that begin at once nine hundred lose the race for the first hundred subnets. Each lost race widens
 * the window so much, to more candidates than any network has nodes.
 */
const WIDENING = 8;
const WIDEST_WINDOW = 400_000;

export interface LeaseRequest extends Newcomer {
  readonly store: LeaseStore;
  readonly config: NetworkConfig;
  /** From subnet.env of an earlier life. */
  readonly previousSubnet: Prefix | null;
  readonly renewMarginSeconds: number;
  /**
   * The host remembers no join. A lease that it takes over is written then, also if nothing in it changes: if another
   * node has the same PublicIP, that one hears of it.
   */
  readonly isFirst?: boolean;
  /** What the node publishes, given the lease that it holds already. */
  offer(earlier: Lease | null): LeaseAttributes;
  /** Called before a lease is written: whatever happens from then on, teardown can find it. */
  announce?(subnet: Prefix, attributes: LeaseAttributes): Promise<void>;
  readonly clocks: Clocks;
  /** What `allocate` picks by; a random whole number from 0 to below `limit`. */
  random?(limit: number): number;
}

/** What is to be done to hold a lease, decided on one snapshot. */
export interface LeasePlan {
  readonly action: 'create' | 'renew' | 'keep';
  readonly subnet: Prefix;
  readonly attributes: LeaseAttributes;
  /** The lease that is held already; null if one is to be created. */
  readonly held: Lease | null;
  /** When that was read. */
  readonly learnt: Moment;
  /** Own leases of an earlier config, which do not fit any more. */
  readonly remove: readonly Lease[];
  readonly snapshot: Snapshot;
}

export interface AcquiredLease {
  readonly lease: Lease;
  /** When the store told of its end. */
  readonly learnt: Moment;
  readonly action: LeasePlan['action'];
  /** Whether anything was written to the store. */
  readonly changed: boolean;
  /** As it was before this node wrote it; null if it is new. */
  readonly earlier: Lease | null;
  /** Everybody's leases, read after this node's was there. */
  readonly snapshot: Snapshot;
}

/** Decides which lease to take, and writes nothing. */
export async function planLease(
  request: LeaseRequest,
  window: number = CANDIDATE_WINDOW,
): Promise<LeasePlan> {
  const { store, config, previousSubnet, renewMarginSeconds } = request;
  const snapshot = await store.list();
  const { leases, rejected } = snapshot;
  const { publicIp, vtepMac = null, remembered = null, random } = request;
  const choice = allocate({
    config,
    leases,
    rejected,
    previousSubnet,
    publicIp,
    vtepMac,
    remembered,
    window,
    ...(random && { random }),
  });
  const { remove } = choice;
  if (choice.kind === 'create') {
    const attributes = request.offer(null);
    const { subnet } = choice;
    const learnt = readClocks(request.clocks);
    return { action: 'create', subnet, attributes, held: null, learnt, remove, snapshot };
  }
  // A list does not tell when a lease ends.
  const { subnet } = choice.lease;
  const current = await store.get(subnet);
  const learnt = readClocks(request.clocks);
  const stillOwn = current !== null && mayTakeOver(current, request);
  // What is not there any more cannot be renewed: that is a lost race too, and noticed by the store.
  const held = stillOwn ? current : choice.lease;
  const attributes = request.offer(held);
  const good =
    stillOwn &&
    !request.isFirst &&
    sameAttributes(attributes, held.attributes) &&
    !isDue(held, renewMarginSeconds, learnt.wall);
  const action = good ? 'keep' : 'renew';
  return { action, subnet, attributes, held, learnt, remove, snapshot };
}

/**
 * Takes, takes over, renews or keeps a lease. Whoever loses a race lists again and picks among eight times as many.
 * @param plan what was decided already, for the first attempt
 * @throws TartanError `OUT_OF_SUBNETS`; `BUSY` after too many lost races
 */
export async function acquireLease(
  request: LeaseRequest,
  plan?: LeasePlan,
): Promise<AcquiredLease> {
  let next = plan;
  let asking = request;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    next ??= await planLease(
      asking,
      Math.min(CANDIDATE_WINDOW * WIDENING ** attempt, WIDEST_WINDOW),
    );
    if (next.action !== 'keep') await request.announce?.(next.subnet, next.attributes);
    const carried = await carryOut(request.store, next).catch((error: unknown) => {
      if (!isDeniedFormerSelf(error, asking)) throw error;
      return 'denied' as const;
    });
    // Then it is a stranger's, for who has this PublicIP.
    if (carried === 'denied') asking = { ...asking, remembered: null };
    const lease = carried === 'denied' ? null : carried;
    const learnt = next.action === 'keep' ? next.learnt : readClocks(request.clocks);
    const acquired = lease && (await describe(request.store, next, lease));
    if (acquired !== null) return { ...acquired, learnt };
    next = undefined;
  }
  throw new TartanError(
    'BUSY',
    `other nodes were faster ${ATTEMPTS} times in a row to take a subnet`,
    'Run it again in a while.',
  );
}

/** A server that goes by the PublicIP does not know who this node was under another one. */
function isDeniedFormerSelf(error: unknown, { remembered, publicIp }: LeaseRequest): boolean {
  if (!(error instanceof TartanError) || error.code !== 'PERMISSION' || !remembered) return false;
  return [remembered.self, ...(remembered.before ?? [])].some((self) => self.publicIp !== publicIp);
}

async function carryOut(store: LeaseStore, plan: LeasePlan): Promise<Lease | null> {
  for (const unfit of plan.remove) {
    if (!(await store.remove(unfit))) return null;
  }
  const { held } = plan;
  if (held === null) return store.create(plan.subnet, plan.attributes, LEASE_TTL_SECONDS);
  if (plan.action === 'keep') return held;
  return store.renew(held, plan.attributes, LEASE_TTL_SECONDS);
}

/** null: it is gone already. */
async function describe(
  store: LeaseStore,
  plan: LeasePlan,
  lease: Lease,
): Promise<Omit<AcquiredLease, 'learnt'> | null> {
  const { action, remove } = plan;
  const changed = action !== 'keep' || remove.length > 0;
  const acquired = { lease, action, changed, earlier: plan.held };
  if (action !== 'create') return { ...acquired, snapshot: plan.snapshot };
  // Of two nodes that join at once, the later one must see the earlier: so look again once the lease is there.
  const snapshot = await store.list();
  const isThere = snapshot.leases.some(
    (found) => prefixesEqual(found.subnet, lease.subnet) && ownsLease(found, lease.attributes),
  );
  return isThere ? { ...acquired, snapshot } : null;
}
