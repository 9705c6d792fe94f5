/**
 * What a host is to look like, or looks like: plain JSON, so that it can be printed, compared and tested without root.
 * Addresses are dotted strings, prefixes `10.5.52.0/24`, MACs lower case with colons; devices go by name: interface
 * indexes are the kernel room's business.
 */
import { createHash } from 'node:crypto';

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

export type Link = VxlanLink | ClassicLink | PairLink | TunLink;
export type ObservedLink = Link | ForeignLink;

export interface Address {
  readonly device: string;
  /** `10.5.52.0/32` */
  readonly address: string;
}

/** One of ours, by its protocol number. */
export interface Route {
  readonly destination: string;
  /** The next hop; empty: the device itself, where that is an overlay device without any. */
  readonly via: string;
  readonly device: string;
  /** Into the overlay device, whose next hops the host has no other route to. Else by the underlay itself. */
  readonly onlink: boolean;
  /** Of one that stands: another to its destination stands before it, and is in force. */
  readonly behind?: true;
}

/** A route that somebody else made. */
export interface HostRoute {
  /** `10.5.7.0/24`; `0.0.0.0/0` for the default route. */
  readonly destination: string;
  /** The next hop; null: what it leads to is on the link itself. */
  readonly via: string | null;
  /** Empty: it leads nowhere, or to several next hops. */
  readonly device: string;
  /** Of routes to one destination the lowest is taken. */
  readonly metric: number;
}

/** By a TCX link, by a filter on a clsact qdisc, which runs behind all of TCX, or by an XDP link, which runs before. */
export type AttachmentMeans = 'tcx' | 'clsact' | 'xdp';

/** A permanent neigh entry of kernel mode: a peer's VTEP. */
export interface Neighbor {
  readonly device: string;
  /** `10.5.7.0` */
  readonly address: string;
  readonly mac: string;
}

/** A permanent FDB entry of kernel mode: behind which host a VTEP is. */
export interface FdbEntry {
  readonly device: string;
  readonly mac: string;
  readonly publicIp: string;
}

/** A program on a device's hook. */
export interface Attachment {
  /** The program's name in the object. */
  readonly program: string;
  readonly device: string;
  readonly hook: 'ingress' | 'egress';
  readonly by: AttachmentMeans;
}

/** The objects in bpf/. */
export type ObjectName = 'vxlan' | 'udp' | 'host_gw';

/** What the programs must know of this host and network. */
export interface Settings {
  /** The whole overlay, `10.5.0.0/16`. */
  readonly network: string;
  readonly ownSubnet: string;
  /** The subnets that have a place of their own in the peer array: `subnetCount` of them from `firstSubnet` on. */
  readonly firstSubnet: string;
  readonly subnetCount: number;
  /** 0: not vxlan. */
  readonly vni: number;
  /** UDP port, host byte order; 0: there is no tunnel. */
  readonly port: number;
  /** The overlay device; null: there is no tunnel. */
  readonly device: string | null;
  /** {@link NO_MAC} where there is no device. */
  readonly deviceMac: string;
  /** The far end of the device, where that is a pair. */
  readonly far: string | null;
  readonly underlay: string;
  /** The underlay interface's address: outer source, and the only outer destination accepted. */
  readonly underlayAddress: string;
  /** The overlay's, in bytes: what FastPath carries at most. */
  readonly mtu: number;
  /** Whether endpoints are served past the host's stack. */
  readonly fastPath: boolean;
  /** Whether the host may NAT: FastPath then looks flows up. */
  readonly conntrack: boolean;
  /** Whether a packet's mark travels along as group policy. */
  readonly gbp: boolean;
}

/** A pod that FastPath serves. */
export interface Endpoint {
  /** The pod's, `10.5.52.7`. */
  readonly address: string;
  /** The host's end of its cable. */
  readonly device: string;
  /** What the pod has for the host's MAC: the device's own, or that of the bridge that it is a port of. */
  readonly gatewayMac: string;
}

/** How many endpoints a host can have, each at the place that the last bits of its address name. */
export const ENDPOINT_PLACES = 4096;

/** What stands where a backend has no MAC. */
export const NO_MAC = '00:00:00:00:00:00';

export interface Peer {
  readonly subnet: string;
  readonly publicIp: string;
  /** Its VTEP's; {@link NO_MAC} where it has none. */
  readonly mac: string;
  /** It is reached without a tunnel. */
  readonly direct?: true;
}

/** Programs, where they are attached, and what stands in their maps. */
export interface Dataplane {
  /** Name of the object in bpf/. */
  readonly object: ObjectName;
  readonly settings: Settings;
  readonly attachments: readonly Attachment[];
  /** By subnet. */
  readonly peers: ReadonlyMap<string, Peer>;
  /** By address. */
  readonly endpoints: ReadonlyMap<string, Endpoint>;
}

/** What the host is to look like. */
export interface DesiredState {
  /**
   * The overlay. Routes of ours on devices that are not, which networks of one host share, are this network's where they
   * lead there; null: none of them is.
   */
  readonly network: string | null;
  /** What the overlay was before, where that was another: such routes there are this network's as well. */
  readonly formerNetwork?: string;
  readonly links: readonly Link[];
  readonly addresses: readonly Address[];
  readonly routes: readonly Route[];
  /** One a device and address. */
  readonly neighbors: readonly Neighbor[];
  /** One a device and MAC. */
  readonly fdb: readonly FdbEntry[];
  /** What stands between the braces of our nft table in the family `ip`; null: there is to be none. */
  readonly filter: string | null;
  /** null: no programs are wanted. */
  readonly dataplane: Dataplane | null;
}

/** One pinned set of programs and maps. */
export interface Generation {
  readonly settings: Settings | null;
  readonly peers: ReadonlyMap<string, Peer>;
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  /** `incomplete`: pins are missing, it is to be loaded anew. `foreign`: a map in it is not one that we made. */
  readonly flaw?: { readonly kind: 'incomplete' | 'foreign'; readonly detail: string };
}

/** What the host looks like, as far as it is ours (and what stands in the way). */
export interface ObservedState {
  readonly links: readonly ObservedLink[];
  readonly addresses: readonly Address[];
  /** Those on devices that are not ours may be another network's of this host. */
  readonly routes: readonly Route[];
  readonly neighbors: readonly Neighbor[];
  readonly fdb: readonly FdbEntry[];
  /** {@link hashFilter} of what our nft table was made from; null: there is none. */
  readonly filter: string | null;
  /** Pinned sets by name: {@link generationName} tells the one that is wanted. */
  readonly generations: ReadonlyMap<string, Generation>;
  readonly attachments: readonly (Attachment & { readonly generation: string | null })[];
  /** A hash of each object file as it lies on disk; null: it has not been built. */
  readonly builds: Readonly<Partial<Record<ObjectName, string | null>>>;
}

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

/** How an nft table says what it was made from: what nft lists is not what it was told. */
export function hashFilter(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** A host with nothing of ours. */
export const nothing: DesiredState = {
  network: null,
  links: [],
  addresses: [],
  routes: [],
  neighbors: [],
  fdb: [],
  filter: null,
  dataplane: null,
};

/**
 * The pinned set's name: other programs, or a peer array of another size or numbering, make another set, which takes
 * the old one's place. Without dots and slashes: a BPF file system allows none.
 * @param irregularPlaces of the trie beside the array; told where there are more than the least
 */
export function generationName(
  object: string,
  build: string,
  { firstSubnet, subnetCount }: Pick<Settings, 'firstSubnet' | 'subnetCount'>,
  irregularPlaces = LEAST_IRREGULAR_PLACES,
): string {
  const numbering = `${firstSubnet.replaceAll(/[./]/g, '-')}-${subnetCount}`;
  const places = irregularPlaces > LEAST_IRREGULAR_PLACES ? `-${irregularPlaces}` : '';
  return `${generationPrefix(object, build)}${numbering}${places}`;
}

/** Where in a generation's name its numbering begins and ends: four octets, the length and the number of subnets. */
const NUMBERING = [2, 8] as const;

/** The part of a generation's name that tells how its subnets are numbered. */
export function numberingOf(generation: string): string {
  return generation
    .split('-')
    .slice(...NUMBERING)
    .join('-');
}

/** How many peers have room in a generation's trie, by its name. */
export function irregularPlacesOf(generation: string): number {
  return Number(generation.split('-')[NUMBERING[1]] ?? LEAST_IRREGULAR_PLACES);
}

/** How many peers without a place in the peer array can stand at least; `IRREGULAR_PEERS` in bpf/include/maps.h. */
export const LEAST_IRREGULAR_PLACES = 1024;

/** How the names of all generations begin that one build of an object has made. */
export function generationPrefix(object: string, build: string): string {
  return `${object}-${build.slice(0, 12)}-`;
}

/** The object that a generation was loaded from. */
export function objectOf(generation: string): string {
  return generation.split('-')[0] ?? '';
}
