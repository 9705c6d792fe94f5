import type { Prefix } from '../net/prefix.ts';

/** What a vxlan node publishes: flannel's `BackendData` for vxlan. */
export interface VxlanData {
  /** VXLAN network identifier; 1 where an old flannel left it out. */
  readonly vni: number;
  /** MAC of the node's VTEP, lower case, colon-separated: the inner destination of all that is sent to it. */
  readonly vtepMac: string;
}

/** What a node publishes beside its subnet: flannel's lease attributes, in our own spelling. */
export interface LeaseAttributes {
  /** Dotted IPv4 address under which other nodes reach this one. */
  readonly publicIp: string;
  /** Not used yet; kept as it was read. */
  readonly publicIpv6: string | null;
  /** `vxlan`, `host-gw`, …; the empty string where flannel writes none (udp, alloc, cloud). */
  readonly backendType: string;
  /** Set for vxlan leases only. */
  readonly vxlan?: VxlanData;
}

/** When a lease ends. Stores do not tell it for other nodes' leases: that would be a request for each. */
export type Expiry = Date | 'never' | 'unknown';

/** A node's hold on a subnet. */
export interface Lease {
  readonly subnet: Prefix;
  readonly attributes: LeaseAttributes;
  /** `never` for a reservation (flannel: a subnet key without TTL). */
  readonly expiresAt: Expiry;
  /** The store's revision of the last write to this lease; renewals and removals compare against it. */
  readonly revision: number;
  /** The store's own name for the TTL (etcd: its lease ID, decimal). Nobody else reads it. */
  readonly handle?: string;
}

/** Something under the subnets prefix that is no lease: left alone, reported, its subnet not handed out. */
export interface RejectedKey {
  /** The key's last part, as found, e.g. `10.5.52.0-24`. */
  readonly key: string;
  /** The subnet, where at least the key could be read. */
  readonly subnet: Prefix | null;
  /** What is wrong with it, naming the value. */
  readonly reason: string;
}
