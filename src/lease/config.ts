/** placeholder: the helper for lease fills this file in; the interfaces below are fixed (add, never rename). */
import type { Prefix } from '../net/prefix.ts';

export interface VxlanConfig {
  readonly type: 'vxlan';
  readonly vni: number;
  readonly port: number;
  readonly gbp: boolean;
  readonly directRouting: boolean;
  /** 0: the underlay's less the overhead. */
  readonly mtu: number;
}

/** A backend that flannel has and tartan does not build yet, or has no options for. */
export interface OtherConfig {
  readonly type: 'udp' | 'host-gw' | 'ipip' | 'ipsec' | 'wireguard' | 'aws-vpc' | 'gce' | 'ali-vpc' | 'alloc' | 'tencent-vpc';
}

export type BackendConfig = VxlanConfig | OtherConfig;

export interface NetworkConfig {
  readonly network: Prefix;
  readonly subnetLength: number;
  /** Address of the first subnet that is handed out. */
  readonly subnetMin: number;
  /** Address of the last subnet that is handed out. */
  readonly subnetMax: number;
  readonly backend: BackendConfig;
}
