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

/** Whether the lease is the node's, this one or another that it has beside it. */
export function isOfHost(lease: Lease, own: Lease): boolean {
  return prefixesEqual(lease.subnet, own.subnet) || ownsLease(lease, own.attributes);
}

/** What a node is, or was, in its lease. */
export interface FormerSelf {
  readonly subnet: Prefix;
  readonly publicIp: string;
  readonly vtepMac: string;
}

/** What a node remembers of itself. */
export interface Remembered {
  readonly self: FormerSelf;
  /** It set out to become `self`, and may still be one of these in its lease, or nothing; absent: it is `self`. */
  readonly before?: readonly FormerSelf[];
}

/** Who a joining node is: by its PublicIP, and by what it was before. */
export interface Newcomer {
  readonly publicIp: string;
  /** Of the device that it has. */
  readonly vtepMac?: string | null;
  readonly remembered?: Remembered | null;
}

/** More attempts in a row have all failed. */
const MOST_REMEMBERED = 8;

/** What to remember before a lease is written: whatever becomes of that, the node knows it again. */
export function rememberAttempt(earlier: Remembered | null, self: FormerSelf): Remembered {
  if (earlier === null) return { self, before: [] };
  if (isSameSelf(earlier.self, self)) return earlier;
  const others = (earlier.before ?? []).filter((other) => !isSameSelf(other, self));
  return { self, before: [earlier.self, ...others].slice(0, MOST_REMEMBERED) };
}

/**
 * Whether another node has the same PublicIP, and has taken this node's lease by it: it was this node's, and has another
 * VTEP now, which is not this node's either.
 */
export function isClaimed({ attributes, subnet }: Lease, newcomer: Newcomer): boolean {
  const found = attributes.vxlan?.vtepMac;
  if (found === undefined || found === newcomer.vtepMac) return false;
  if (attributes.publicIp !== newcomer.publicIp) return false;
  const here = selvesOf(newcomer).filter((self) => prefixesEqual(self.subnet, subnet));
  return (
    here.some(({ publicIp }) => publicIp === newcomer.publicIp) &&
    here.every(({ vtepMac }) => vtepMac !== found)
  );
}

/** The leases that another node, with another VTEP, has under the PublicIP of this one. */
export function rivalsOf(own: Lease, leases: Iterable<Lease>): Lease[] {
  const { publicIp, vxlan } = own.attributes;
  if (vxlan === undefined) return [];
  return [...leases].filter(({ subnet, attributes }) => {
    if (attributes.publicIp !== publicIp || prefixesEqual(subnet, own.subnet)) return false;
    return attributes.vxlan !== undefined && attributes.vxlan.vtepMac !== vxlan.vtepMac;
  });
}

/**
 * Whether this node may take the lease over when it joins: the PublicIP alone tells, the VTEP may be a new one, unless
 * another node has claimed the lease. Where the PublicIP has changed, the lease of the last join is the node's as long as
 * nobody has written it since.
 */
export function mayTakeOver(lease: Lease, newcomer: Newcomer): boolean {
  if (isClaimed(lease, newcomer)) return false;
  if (lease.attributes.publicIp === newcomer.publicIp) return true;
  return selvesOf(newcomer).some(
    ({ subnet, publicIp, vtepMac }) =>
      prefixesEqual(lease.subnet, subnet) && ownsLease(lease, { publicIp, vxlan: { vtepMac } }),
  );
}

function selvesOf({ remembered }: Newcomer): FormerSelf[] {
  if (!remembered) return [];
  return [remembered.self, ...(remembered.before ?? [])];
}

function isSameSelf(a: FormerSelf, b: FormerSelf): boolean {
  return prefixesEqual(a.subnet, b.subnet) && a.publicIp === b.publicIp && a.vtepMac === b.vtepMac;
}
