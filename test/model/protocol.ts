/** The code's own functions that the model runs, and the network that they run in. */
import { type AcquiredLease, acquireLease } from '../../src/agent/acquire.ts';
import type { Moment } from '../../src/agent/clocks.ts';
import { follow } from '../../src/agent/follow.ts';
import { giveBackLease } from '../../src/agent/give_back.ts';
import { LEASE_TTL_SECONDS, renewIn, renewLease } from '../../src/agent/renewal.ts';
import { parseConfig } from '../../src/lease/config.ts';
import type { Lease, LeaseAttributes } from '../../src/lease/lease.ts';
import type { FormerSelf, Remembered } from '../../src/lease/ownership.ts';
import type { Prefix } from '../../src/net/prefix.ts';
import type { Means } from './replay.ts';
import { SOUND, type StoreRules } from './store.ts';

/** Whatever is here can be replaced by something broken. */
export interface Protocol {
  readonly rules: StoreRules;
  readonly acquireLease: typeof acquireLease;
  readonly renewLease: typeof renewLease;
  readonly giveBackLease: typeof giveBackLease;
  readonly renewIn: typeof renewIn;
  readonly follow: typeof follow;
}

export const PROTOCOL: Protocol = {
  rules: SOUND,
  acquireLease,
  renewLease,
  giveBackLease,
  renewIn,
  follow,
};

/** Time goes by in steps of this: a lease lasts two of them, and is to be renewed after one. */
export const TICK_MS = (LEASE_TTL_SECONDS * 1000) / 2;
const RENEW_MARGIN_SECONDS = TICK_MS / 1000;

/** A network of so many subnets: 10.5.1.0/24, 10.5.2.0/24, … */
export function networkOf(subnets: number) {
  const backend = { Type: 'vxlan' };
  const range = { SubnetMin: '10.5.1.0', SubnetMax: `10.5.${subnets}.0` };
  return parseConfig(JSON.stringify({ Network: '10.5.0.0/16', ...range, Backend: backend }));
}

/** What a node sets out to do, and all that it goes by. */
export type Job =
  | {
      readonly does: 'join';
      readonly subnets: number;
      readonly publicIp: string;
      /** Of the device, as long as that is there. */
      readonly vtepMac: string | null;
      /** Taken where nothing else gives one. */
      readonly freshMac: string;
      readonly remembered: Remembered | null;
      readonly previousSubnet: Prefix | null;
    }
  | { readonly does: 'renew'; readonly own: Lease; readonly attributes: LeaseAttributes }
  | ({ readonly does: 'leave' } & Parameters<typeof giveBackLease>[1]);

export type Result =
  | { readonly did: 'join'; readonly acquired: AcquiredLease }
  | { readonly did: 'renew'; readonly lease: Lease }
  | { readonly did: 'leave'; readonly removed: boolean };

/** Does a job by the code's own function. */
export async function carryJobOut(
  protocol: Protocol,
  job: Job,
  { store, clocks, random }: Means,
  announce: (self: FormerSelf) => void,
): Promise<Result> {
  switch (job.does) {
    case 'join': {
      const { publicIp, vtepMac, remembered, previousSubnet } = job;
      const acquired = await protocol.acquireLease({
        store,
        config: networkOf(job.subnets),
        publicIp,
        vtepMac,
        remembered,
        previousSubnet,
        renewMarginSeconds: RENEW_MARGIN_SECONDS,
        offer: (earlier) =>
          attributesOf(publicIp, vtepMac ?? earlier?.attributes.vxlan?.vtepMac ?? job.freshMac),
        announce: async (subnet, { vxlan }) =>
          announce({ subnet, publicIp, vtepMac: vxlan?.vtepMac ?? '' }),
        clocks,
        random,
      });
      return { did: 'join', acquired };
    }
    case 'renew': {
      const { own, attributes } = job;
      const lease = await protocol.renewLease(store, own.subnet, own.attributes, attributes);
      return { did: 'renew', lease };
    }
    case 'leave':
      return { did: 'leave', removed: await protocol.giveBackLease(store, job) };
  }
}

export function attributesOf(publicIp: string, vtepMac: string): LeaseAttributes {
  return { publicIp, publicIpv6: null, backendType: 'vxlan', vxlan: { vni: 1, vtepMac } };
}

/** Whether a lease is to be renewed. */
export function isDue(protocol: Protocol, lease: Lease, learnt: Moment, now: Moment): boolean {
  return protocol.renewIn(lease, RENEW_MARGIN_SECONDS, learnt, now) <= 0;
}
