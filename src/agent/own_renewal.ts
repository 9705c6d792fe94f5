import { messageOf, TartanError } from '../errors.ts';
import { readClocks } from './clocks.ts';
import { leaseDetail } from './events.ts';
import { hold, loseLease, type Member } from './member.ts';
import { renewIn, renewLease } from './renewal.ts';
import { rememberMember } from './settle.ts';

/**
 * Between two writes of one lease. The store's clock may be another than this host's: then a lease that was just renewed
 * can look as if it were due, and would be renewed without end.
 */
const LEAST_BETWEEN_WRITES_MS = 10_000;

/** In how many ms the lease is to be renewed. */
export function renewalIn({ own, learnt, haste, writtenAt, world, settings }: Member): number {
  const due = renewIn(own, settings.renewMarginSeconds, learnt, readClocks(world), haste);
  return Math.max(due, writtenAt + LEAST_BETWEEN_WRITES_MS - world.elapsed());
}

/** Renews the lease, or notices that it is lost. Touches neither kernel nor files. */
export async function renewOwn(member: Member): Promise<void> {
  const { world, herald, own, attributes } = member;
  member.writing = true;
  try {
    const lease = await renewLease(world.store, own.subnet, own.attributes, attributes);
    hold(member, lease, readClocks(world));
  } catch (error) {
    if (!(error instanceof TartanError) || error.code !== 'LEASE_LOST') throw error;
    world.log.warn(messageOf(error));
    loseLease(member);
    return;
  }
  herald.recovery();
  herald.tell('renewed', leaseDetail(member.own));
}

/** Writes what was published last to where teardown finds it. */
export async function rememberOwn({ world, settings, found, own }: Member): Promise<void> {
  await rememberMember(world, settings, found, own);
}
