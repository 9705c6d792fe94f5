import { type Prefix, prefixesEqual } from '../net/prefix.ts';
import type { Lease } from './lease.ts';

/** What a node knows itself by in leases. */
export interface Identity {
  readonly publicIp: string;
  /** The node's VTEP, where its backend has one. */
  readonly vxlan?: { readonly vtepMac: string } | undefined;
}

/**
 * Whether the lease still is this node's, so that it may be renewed. The MAC must agree too: a node that was cut off
 * and another that got its address since have the PublicIP in common.
 */
export function ownsLease({ attributes }: Lease, { publicIp, vxlan }: Identity): boolean {
  if (attributes.publicIp !== publicIp) return false;
  return vxlan === undefined || attributes.vxlan?.vtepMac === vxlan.vtepMac;
}

/** What a node was when it last joined. */
export interface FormerSelf {
  readonly subnet: Prefix;
  readonly publicIp: string;
  readonly vtepMac: string;
}

/** Who a joining node is: by its PublicIP, and by what it was before. */
export interface Newcomer {
  readonly publicIp: string;
  readonly former?: FormerSelf | null;
}

/**
 * Whether this node may take the lease over when it joins: the PublicIP alone tells, the VTEP may be a new one. Where
 * the PublicIP has changed, the lease of the last join is the node's as long as nobody has written it since.
 */
export function mayTakeOver(lease: Lease, { publicIp, former }: Newcomer): boolean {
  if (lease.attributes.publicIp === publicIp) return true;
  if (!former || !prefixesEqual(lease.subnet, former.subnet)) return false;
  return ownsLease(lease, { publicIp: former.publicIp, vxlan: { vtepMac: former.vtepMac } });
}
