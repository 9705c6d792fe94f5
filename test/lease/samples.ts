/** Leases and rejected keys to decide about. */
import type { Lease, RejectedKey } from '../../src/lease/lease.ts';
import { type Prefix, parsePrefix } from '../../src/net/prefix.ts';

export const OWN_IP = '192.168.64.3';

export function leaseOf(
  subnet: string | Prefix,
  publicIp = '1.1.1.1',
  rest: Partial<Lease> = {},
): Lease {
  return {
    subnet: typeof subnet === 'string' ? parsePrefix(subnet) : subnet,
    attributes: { publicIp, publicIpv6: null, backendType: '' },
    expiresAt: 'unknown',
    revision: 1,
    ...rest,
  };
}

export function rejectedKey(key: string, subnet: Prefix | null = null): RejectedKey {
  return { key, subnet, reason: 'made for a test' };
}
