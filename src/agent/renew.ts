import { TartanError } from '../errors.ts';
import { formatPrefix, parsePrefix } from '../net/prefix.ts';
import type { LeaseStore } from '../store/contract.ts';
import { renewLease } from './renewal.ts';
import { type HostState, readState } from './state_file.ts';

/** What `renew` prints. */
export interface RenewReport {
  readonly subnet: string;
  readonly publicIp: string;
  /** ISO 8601; null for a reservation, which never ends. */
  readonly leaseExpires: string | null;
}

/**
 * Renews the lease that `join` took.
 * @param path of the state
 * @throws TartanError `LEASE_LOST`
 */
export async function renew(
  openStore: () => Promise<LeaseStore>,
  path: string,
): Promise<RenewReport> {
  const state = requireJoined(await readState(path), path);
  const store = await openStore();
  const lease = await renewLease(store, parsePrefix(state.subnet), identityOf(state), null);
  return {
    subnet: formatPrefix(lease.subnet),
    publicIp: lease.attributes.publicIp,
    leaseExpires: lease.expiresAt instanceof Date ? lease.expiresAt.toISOString() : null,
  };
}

/** @throws TartanError `LEASE_LOST` if this host has not joined */
export function requireJoined(state: HostState | null, path: string): HostState {
  if (state !== null) return state;
  throw new TartanError(
    'LEASE_LOST',
    `this host has not joined: there is no ${path}`,
    'Run `tartan join` first, or give the same --state-dir as it had.',
  );
}

/** What this host is known by in leases. */
export function identityOf({ publicIp, vtepMac }: Pick<HostState, 'publicIp' | 'vtepMac'>) {
  return { publicIp, ...(vtepMac !== null && { vxlan: { vtepMac } }) };
}
