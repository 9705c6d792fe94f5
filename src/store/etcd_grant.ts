import { randomBytes } from 'node:crypto';
import type { Expiry } from '../lease/lease.ts';
import type { TtlSeconds } from './contract.ts';
import type { EtcdCaller } from './etcd_client.ts';
import { isGrantedAlready } from './etcd_errors.ts';

/** An etcd lease: what a key hangs on, and ends with. */
export interface EtcdGrant {
  /** etcd's lease ID, decimal; `0` is no lease. */
  readonly id: string;
  readonly expiresAt: Expiry;
}

/** What a reservation hangs on. */
const NO_GRANT: EtcdGrant = { id: '0', expiresAt: 'never' };

/** Grants an etcd lease under an ID of our own choice, so that a try whose answer was lost can be repeated. */
export async function grantLease(caller: EtcdCaller, ttl: TtlSeconds): Promise<EtcdGrant> {
  if (ttl === 'never') return NO_GRANT;
  const id = randomLeaseId();
  // etcd counts whole seconds, and may choose a longer time than asked for.
  const wantedSeconds = Math.max(1, Math.ceil(ttl));
  const startedAt = Date.now();
  const grantedSeconds = await caller.call(async ({ lease }, { deadline, isRepeated }) => {
    try {
      return Number((await lease.leaseGrant({ TTL: wantedSeconds, ID: id }, { deadline })).TTL);
    } catch (error) {
      if (isRepeated && isGrantedAlready(error)) return wantedSeconds;
      throw error;
    }
  });
  return { id, expiresAt: new Date(startedAt + grantedSeconds * 1000) };
}

/** A random positive 63-bit number. */
function randomLeaseId(): string {
  const id = randomBytes(8).readBigUInt64BE() >> 1n;
  return String(id === 0n ? 1n : id);
}

/** Gives an etcd lease back. A failure is of no account: the lease ends by itself. */
export async function revokeLease(caller: EtcdCaller, grant: Pick<EtcdGrant, 'id'>): Promise<void> {
  if (grant.id === '0') return;
  await caller
    .call(({ lease }, { deadline }) => lease.leaseRevoke({ ID: grant.id }, { deadline }))
    .catch(() => undefined);
}

/** When an etcd lease ends. */
export async function readExpiry(caller: EtcdCaller, id: string): Promise<Expiry> {
  // What has ended: its keys are about to be removed.
  return (await readLiveExpiry(caller, id)) ?? new Date();
}

/** The same; null: it has ended. */
export async function readLiveExpiry(caller: EtcdCaller, id: string): Promise<Expiry | null> {
  if (id === '0') return 'never';
  const answer = await caller.call(({ lease }, { deadline }) =>
    lease.leaseTimeToLive({ ID: id }, { deadline }),
  );
  const seconds = Number(answer.TTL);
  return seconds < 0 ? null : new Date(Date.now() + seconds * 1000);
}
