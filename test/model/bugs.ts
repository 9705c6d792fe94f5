/** Bugs, sown on purpose: the model is good for something only if it finds them. */
import { follow } from '../../src/agent/follow.ts';
import { LEASE_TTL_SECONDS, leaseLost, renewAt } from '../../src/agent/renewal.ts';
import { ownsLease } from '../../src/lease/ownership.ts';
import type { LeaseStore } from '../../src/store/contract.ts';
import { PROTOCOL, type Protocol } from './protocol.ts';
import { SOUND, type StoreRules } from './store.ts';

const withRules = (rules: Partial<StoreRules>): Protocol => ({
  ...PROTOCOL,
  rules: { ...SOUND, ...rules },
});

/** A renewal writes whatever stands there, as flannel's does. */
export const blindPut = withRules({ compares: false });

/** The renewed key goes on hanging on the grant that it had. */
export const droppedLease = withRules({ extends: false });

/** Renewed, a reservation is a lease like any other, as in flannel. */
export const endingReservation = withRules({ keepsReservations: false });

/** Whoever loses a race writes against the new revision, but has looked at the owner of the old one. */
export const staleRevision: Protocol = {
  ...PROTOCOL,
  async renewLease(store, subnet, identity, attributes) {
    const read = await store.get(subnet);
    if (read === null || !ownsLease(read, identity)) throw leaseLost(subnet, read);
    const wanted = attributes ?? read.attributes;
    const renewed = await store.renew(read, wanted, LEASE_TTL_SECONDS);
    if (renewed !== null) return renewed;
    const revision = (await store.get(subnet))?.revision ?? 0;
    const forced = await store.renew({ ...read, revision }, wanted, LEASE_TTL_SECONDS);
    if (forced === null) throw leaseLost(subnet, null);
    return forced;
  },
};

/** What is told anew leaves the own lease out, as in flannel from the second time on. */
export const ownLeaseRemovedOnResync: Protocol = {
  ...PROTOCOL,
  follow(store, start, signal, listener) {
    let isAnew = false;
    async function* watch(...args: Parameters<LeaseStore['watch']>) {
      for await (const update of store.watch(...args)) {
        isAnew = update.type === 'snapshot';
        yield update;
      }
    }
    const following = follow({ ...store, watch }, start, signal, listener);
    return { ...following, hasLost: (...own) => isAnew || following.hasLost(...own) };
  },
};

/** When to renew is told by the clock on the wall alone. */
export const clockStep: Protocol = {
  ...PROTOCOL,
  renewIn: (lease, marginSeconds, _learnt, now) => renewAt(lease, marginSeconds) - now.wall,
};

/** A renewal does not look whose lease it is. */
export const anybodysLease: Protocol = {
  ...PROTOCOL,
  async renewLease(store, subnet, _identity, attributes) {
    const read = await store.get(subnet);
    if (read === null) throw leaseLost(subnet, null);
    const renewed = await store.renew(read, attributes ?? read.attributes, LEASE_TTL_SECONDS);
    if (renewed === null) throw leaseLost(subnet, null);
    return renewed;
  },
};
