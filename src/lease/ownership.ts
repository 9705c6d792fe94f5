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

/** Whether this node may take the lease over when it joins: the PublicIP alone tells, the VTEP may be a new one. */
export function mayTakeOver({ attributes }: Lease, { publicIp }: Identity): boolean {
  return attributes.publicIp === publicIp;
}
