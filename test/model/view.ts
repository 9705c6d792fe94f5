/** What a node's watch knows, by the code's own `follow`. */
import type { Lease, LeaseAttributes } from '../../src/lease/lease.ts';
import type { PeerChange, PeerTable } from '../../src/lease/peers.ts';
import type { LeaseStore, Snapshot, StoreUpdate } from '../../src/store/contract.ts';
import type { Protocol } from './protocol.ts';
import { askingStore } from './replay.ts';

/** All that a following holds: built again from it, the following goes on as the other would have. */
export interface View {
  readonly table: Snapshot;
  /** Whether the last that came was everything anew. */
  readonly toldAnew: boolean;
}

export type News = StoreUpdate | { readonly type: 'read'; readonly snapshot: Snapshot };

export interface Heard {
  readonly view: View;
  readonly changes: readonly PeerChange[];
  readonly lost: boolean;
}

/** Takes news in. `read`: a snapshot that came otherwise, with a lease that was acquired. */
export async function hear(
  protocol: Protocol,
  view: View,
  news: News,
  own: Lease,
  offered: LeaseAttributes = own.attributes,
): Promise<Heard> {
  const updates: StoreUpdate[] = [];
  if (view.toldAnew) updates.push({ type: 'snapshot', snapshot: view.table });
  if (news.type !== 'read') updates.push(news);
  const { promise: allHeard, resolve } = Promise.withResolvers<void>();
  const store: LeaseStore = {
    ...askingStore(() => new Promise(() => {})),
    async *watch() {
      yield* updates;
      resolve();
      await new Promise(() => {});
    },
  };
  const following = protocol.follow(store, view.table, new AbortController().signal, {
    onUpdate() {},
    onRejected() {},
    onUnavailable() {},
  });
  await allHeard;
  if (news.type === 'read') following.takeSnapshot(news.snapshot);
  const changes = following.takeChanges(own);
  return {
    view: { table: snapshotOf(following.table()), toldAnew: isAnew(view, news) },
    changes,
    lost: following.hasLost(own, offered),
  };
}

function isAnew(view: View, news: News): boolean {
  return news.type === 'read' ? view.toldAnew : news.type === 'snapshot';
}

function snapshotOf({ leases, rejected, revision }: PeerTable): Snapshot {
  return { leases: [...leases.values()], rejected: [...rejected.values()], revision };
}
