/** What `status` asks the store. */
import { messageOf, TartanError } from '../errors.ts';
import type { Lease } from '../lease/lease.ts';
import type { LeaseStore } from '../store/contract.ts';
import { type Preview, preview } from './join.ts';
import type { MemberSettings, World } from './world.ts';

export interface StatusWorld extends Omit<World, 'store'> {
  openStore(): Promise<LeaseStore>;
}

/** What the store tells of this host, as far as it answers. */
export interface Asked {
  /** The description of the one that was asked; null: it could not be opened. */
  readonly store: string | null;
  readonly preview: Preview | null;
  /** With its end, if the store tells it. */
  readonly lease: Lease | null;
  readonly reachable: boolean;
  readonly problems: readonly string[];
  readonly notes: readonly string[];
}

const NOTHING: Asked = {
  store: null,
  preview: null,
  lease: null,
  reachable: true,
  problems: [],
  notes: [],
};

/** A store that is away is no fault of this host, and its packets flow on. */
export async function askStore(world: StatusWorld, settings: MemberSettings): Promise<Asked> {
  let name: string | null = null;
  try {
    const store = await world.openStore();
    name = store.description;
    const found = await preview({ ...world, store }, settings);
    const { held } = found.plan;
    const lease = held && (held.expiresAt === 'unknown' ? await store.get(held.subnet) : held);
    return { ...NOTHING, store: name, preview: found, lease };
  } catch (error) {
    if (!(error instanceof TartanError) || error.code === 'INTERRUPTED') throw error;
    if (error.code !== 'STORE_UNAVAILABLE') {
      return { ...NOTHING, store: name, problems: [messageOf(error)] };
    }
    const note = `${messageOf(error)}: what the kernel should look like is not known now`;
    return { ...NOTHING, store: name, reachable: false, notes: [note] };
  }
}
