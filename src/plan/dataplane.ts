/** Programs, where they are attached, and what stands in their maps. */

/** By a TCX link, by a filter on a clsact qdisc, which runs behind all of TCX, or by an XDP link, which runs before. */
export type AttachmentMeans = 'tcx' | 'clsact' | 'xdp';

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
