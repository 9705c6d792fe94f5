/** Devices, as desired and as found: those of ours by kind, and those that stand in the way. */

/** A vxlan device in external (collect metadata) mode with a VNI filter. */
export interface VxlanLink {
  readonly name: string;
  readonly kind: 'vxlan';
  readonly mac: string;
  readonly mtu: number;
  /** UDP port, host byte order. */
  readonly port: number;
  /** The VNI that its filter lets in; null: none yet. */
  readonly vni: number | null;
  /** Whether a packet's mark travels along as group policy; fixed when the device is made. */
  readonly gbp: boolean;
  readonly up: boolean;
}

/** A classic vxlan device, as flanneld makes it: neighbours, FDB and routes tell it the peers. */
export interface ClassicLink {
  readonly name: string;
  readonly kind: 'classic';
  readonly mac: string;
  readonly mtu: number;
  /** UDP port, host byte order. */
  readonly port: number;
  readonly vni: number;
  /** The interface that it sends by, and the outer source address. */
  readonly underlay: string;
  readonly underlayAddress: string;
  /** Whether group policy travels in the VXLAN header. */
  readonly gbp: boolean;
  readonly up: boolean;
}

/** A device that stands in the way: of our name, but not made by us. */
export interface ForeignLink {
  readonly name: string;
  readonly kind: 'foreign';
  /** What it is, for the error message: `dummy`, `vxlan id 7 dstport 4789`. */
  readonly detail: string;
  readonly mac: string;
  /** Set for a classic vxlan device, such as flanneld makes: taken over where VNI and port are those wanted. */
  readonly classic: { readonly vni: number; readonly port: number } | null;
  /** Set for a device of another network of this host: its name. */
  readonly network: string | null;
  /** Of a vxlan device that is up. */
  readonly socket: VxlanSocket | null;
  /** Set for an IP-in-IP device that takes what any host sends to this address. */
  readonly ipipAddress?: string;
}

/** The UDP socket of a vxlan device that is up. Devices share a port only where they agree in how they use it. */
export interface VxlanSocket {
  /** Host byte order. */
  readonly port: number;
  /** What of the device's flags the kernel compares (`VXLAN_F_RCV_FLAGS`, <net/vxlan.h>), in iproute2's words. */
  readonly mode: readonly string[];
}

/**
 * The veth pair of udp: its near end is the overlay device, and what comes out of its far end is carried by the programs
 * there, or has been decapsulated by them and is on its way in.
 */
export interface PairLink {
  /** The near end. */
  readonly name: string;
  readonly kind: 'pair';
  /** The far end; it carries IPv4 packets of every size. */
  readonly far: string;
  /** Of both ends: what is sent by one is for the other. */
  readonly mac: string;
  /** Of the near end. */
  readonly mtu: number;
  /** Whether the offloads of both ends, and the far one's MTU, are as the programs need them. */
  readonly tuned: boolean;
  /** Both ends. */
  readonly up: boolean;
}

/** A TUN that stays while nobody reads it: udp's relay in user space does. */
export interface TunLink {
  readonly name: string;
  readonly kind: 'tun';
  readonly mtu: number;
  readonly up: boolean;
}

/**
 * An IP-in-IP device whose packets leave in UDP: udp's in kernel mode. Routes tell it the peers, by their next hops, and
 * a FOU port hands it what they send.
 */
export interface FouLink {
  readonly name: string;
  readonly kind: 'fou';
  readonly mtu: number;
  /** UDP port of the peers, host byte order. */
  readonly port: number;
  /** The interface that it sends by, and the outer source address. */
  readonly underlay: string;
  readonly underlayAddress: string;
  /** Whether packets leave it one by one and with their checksums, as a peer's process needs them. */
  readonly tuned: boolean;
  readonly up: boolean;
}

export type Link = VxlanLink | ClassicLink | PairLink | TunLink | FouLink;

export type ObservedLink = Link | ForeignLink;

/** flannel's name for the device of a VNI: what looks for flannel's device finds ours. */
export function overlayDeviceName(vni: number): string {
  return `flannel.${vni}`;
}

/** flannel's name for the devices of udp, of which a host has one a network. */
export function relayDeviceName(number: number): string {
  return `flannel${number}`;
}

/** The socket that a device of ours has. */
export function socketOf({ kind, port, gbp }: VxlanLink | ClassicLink): VxlanSocket {
  const flags = kind === 'vxlan' ? ['external', 'vnifilter'] : [];
  return { port, mode: [...flags, ...(gbp ? ['gbp'] : [])] };
}

/** Whether a device has an overlay's name, whoever made it. */
export function isOverlayDevice(name: string): boolean {
  return /^flannel\.?\d+$/.test(name);
}
