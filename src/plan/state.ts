/**
 * What a host is to look like, or looks like: plain JSON, so that it can be printed, compared and tested without root.
 * Addresses are dotted strings, prefixes `10.5.52.0/24`, MACs lower case with colons; devices go by name: interface
 * indexes are the kernel room's business.
 */

/** A vxlan device in external (collect-metadata) mode with a VNI filter. */
export interface VxlanLink {
  readonly name: string;
  readonly kind: 'vxlan';
  readonly mac: string;
  readonly mtu: number;
  /** UDP port, host byte order. */
  readonly port: number;
  readonly vni: number;
  readonly up: boolean;
}

/** A device that stands in the way: of our name, but not made by us. */
export interface ForeignLink {
  readonly name: string;
  readonly kind: 'foreign';
  /** `flanneld`: a classic vxlan device, which is taken over where VNI and port agree. */
  readonly origin: 'flanneld' | 'unknown';
  /** What it is, for the error message: `dummy`, `vxlan id 7 dstport 4789`. */
  readonly detail: string;
  readonly mac: string;
  readonly vni?: number;
  readonly port?: number;
}

export type Link = VxlanLink;
export type ObservedLink = VxlanLink | ForeignLink;

export interface Address {
  readonly device: string;
  /** `10.5.52.0/32` */
  readonly address: string;
}

export interface Route {
  readonly destination: string;
  readonly via: string;
  readonly device: string;
  readonly onlink: boolean;
}

/** A program on a device's hook; the pinned link's name follows from these. */
export interface Attachment {
  readonly device: string;
  readonly hook: 'ingress' | 'egress';
  /** The program's name in the object. */
  readonly program: string;
}

/** What the programs must know of this host and network: one struct in the `settings` map. */
export interface VxlanSettings {
  /** The whole overlay, `10.5.0.0/16`. */
  readonly network: string;
  /** Length of the subnets that the peer array holds. */
  readonly subnetLength: number;
  readonly vni: number;
  readonly port: number;
  /** The overlay device (its index and MAC are needed). */
  readonly device: string;
  readonly deviceMac: string;
  /** The overlay device's own address, the source of ICMP answers. */
  readonly deviceAddress: string;
  readonly deviceMtu: number;
  readonly underlay: string;
  /** The address of the underlay interface: outer source, and the only outer destination accepted. */
  readonly underlayAddress: string;
}

export interface Peer {
  readonly subnet: string;
  readonly publicIp: string;
  readonly mac: string;
}

/** Programs, maps and what stands in them. */
export interface Dataplane {
  /** Name of the object in bpf/: `vxlan`. */
  readonly object: 'vxlan';
  readonly settings: VxlanSettings | null;
  readonly attachments: readonly Attachment[];
  /** By subnet. */
  readonly peers: ReadonlyMap<string, Peer>;
}

/** What the host is to look like. */
export interface DesiredState {
  readonly links: readonly Link[];
  readonly addresses: readonly Address[];
  readonly routes: readonly Route[];
  readonly dataplane: Dataplane | null;
}

/** What the host looks like, as far as it is ours (and what stands in the way). */
export interface ObservedState {
  readonly links: readonly ObservedLink[];
  readonly addresses: readonly Address[];
  readonly routes: readonly Route[];
  readonly dataplane: (Dataplane & { readonly build: string }) | null;
}
