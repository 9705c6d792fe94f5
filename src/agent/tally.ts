/** What `run` has counted since it started, for who measures it. */
import { TartanError } from '../errors.ts';
import type { Kernel } from '../kernel/contract.ts';
import type { Op } from '../plan/op.ts';
import type { WatchEvent } from './events.ts';
import type { Measured } from './figures.ts';

export type OpKind = Op['op'];

export interface OpCounts {
  readonly applied: number;
  readonly failed: number;
  /** Tried again after the last one of the kind had failed, whatever came of it; part of the other two. */
  readonly retried: number;
}

/** How the store is, as the last call to it has shown. */
export interface Contact {
  readonly isReachable: boolean;
  /** Since it told or answered anything; before it ever did, since this process started. */
  readonly silentSeconds: number;
}

export interface Tally {
  op(kind: OpKind, succeeded: boolean): void;
  /** As {@link Health.looked}. */
  looked(failure?: unknown): void;
  note(event: Pick<WatchEvent, 'type'>): void;
  storeAnswered(): void;
  storeFailed(error: unknown): void;
  /** From now on there is a member to measure. */
  attend(member: Measured): void;

  ops(): ReadonlyMap<OpKind, OpCounts>;
  events(): ReadonlyMap<WatchEvent['type'], number>;
  looks(): { readonly done: number; readonly failed: number };
  contact(): Contact;
  /** Null: it has not joined yet. */
  member(): Measured | null;
}

/** Each has its counters from the start: the first failure of a kind is a rise too. The type checker keeps it whole. */
const OPS: Record<OpKind, true> = {
  ...{ 'link.add': true, 'link.remove': true, 'link.set': true },
  ...{ 'vni.add': true, 'vni.remove': true, 'fou.add': true, 'fou.remove': true },
  ...{ 'address.add': true, 'address.remove': true },
  ...{ 'routes.add': true, 'routes.replace': true, 'routes.remove': true },
  ...{ 'neighbors.write': true, 'neighbors.remove': true, 'fdb.write': true, 'fdb.remove': true },
  ...{ 'filter.write': true, 'filter.remove': true },
  ...{ 'forward.accept': true, 'forward.withdraw': true },
  ...{ 'bpf.load': true, 'bpf.unload': true, 'bpf.attach': true, 'bpf.detach': true },
  ...{ 'traffic.copy': true, 'settings.write': true, 'sources.settle': true },
  ...{ 'peers.write': true, 'peers.remove': true },
  ...{ 'endpoints.write': true, 'endpoints.remove': true },
};

const EVENTS: Record<WatchEvent['type'], true> = {
  ...{ synced: true, joined: true, added: true, changed: true, removed: true, renewed: true },
  ...{ lost: true, acquired: true, left: true, reconciled: true, error: true },
};

/** @param elapsed a clock that nobody sets, in ms */
export function createTally(elapsed: () => number): Tally {
  const ops = new Map(keysOf(OPS).map((kind) => [kind, { applied: 0, failed: 0, retried: 0 }]));
  const events = new Map(keysOf(EVENTS).map((type) => [type, 0]));
  /** Kinds of which the last one failed. */
  const failing = new Set<OpKind>();
  const looks = { done: 0, failed: 0 };
  let isReachable = false;
  let answeredAt = elapsed();
  let member: Measured | null = null;
  return {
    op(kind, succeeded) {
      const counts = ops.get(kind);
      if (counts === undefined) return;
      if (failing.has(kind)) counts.retried += 1;
      counts[succeeded ? 'applied' : 'failed'] += 1;
      if (succeeded) failing.delete(kind);
      else failing.add(kind);
    },
    looked(failure) {
      looks[failure === undefined ? 'done' : 'failed'] += 1;
    },
    note({ type }) {
      events.set(type, (events.get(type) ?? 0) + 1);
    },
    storeAnswered() {
      isReachable = true;
      answeredAt = elapsed();
    },
    storeFailed(error) {
      // One that answers with a failure is there; one that was not waited for may be.
      if (error instanceof TartanError && error.code === 'STORE_UNAVAILABLE') isReachable = false;
    },
    attend(newcomer) {
      member = newcomer;
    },
    ops: () => ops,
    events: () => events,
    looks: () => looks,
    contact: () => ({ isReachable, silentSeconds: (elapsed() - answeredAt) / 1000 }),
    member: () => member,
  };
}

function keysOf<K extends string>(record: Record<K, unknown>): K[] {
  return Object.keys(record) as K[];
}

/** The same kernel; each op is counted. */
export function countOps(kernel: Kernel, tally: Pick<Tally, 'op'>): Kernel {
  return {
    ...kernel,
    async apply(op) {
      try {
        await kernel.apply(op);
      } catch (error) {
        tally.op(op.op, false);
        throw error;
      }
      tally.op(op.op, true);
    },
  };
}
