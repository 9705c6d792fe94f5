import type { TartanError } from '../errors.ts';
import type { NetworkConfig } from '../lease/config.ts';
import type { Lease, LeaseAttributes } from '../lease/lease.ts';
import type { Endpoint } from '../plan/dataplane.ts';
import type { FouPort } from '../plan/fou.ts';
import type { ObservedLink } from '../plan/links.ts';
import type { HostRoute } from '../plan/routes.ts';
import type { DesiredState } from '../plan/state.ts';

/** What of the host's netfilter FastPath has to reckon with. */
export interface Netfilter {
  /** What may NAT here, for people: `table ip nat of nftables`. */
  readonly nat: readonly string[];
  /** Why the programs cannot tell which flows that changes; null: they can. */
  readonly blindness: string | null;
  /** Why it could not be read, so that NAT is assumed; null: it could. */
  readonly doubt: string | null;
  /** Chains at the forward hook that do something, for people. */
  readonly forward: readonly string[];
}

/** What carries the packets, and why not the programs. */
export interface DataplaneChoice {
  /** `bpf`: the programs. `kernel`: what the kernel has by itself. `user`: a relay in user space. */
  readonly kind: 'bpf' | 'kernel' | 'user';
  /** Why the programs cannot be loaded here; null: they can, or nobody asked for them. */
  readonly reason: string | null;
  /** What to end with where programs are needed, since nothing else will do: `--dataplane bpf`. */
  readonly refusal?: TartanError;
}

/** The local node as the backends see it: what was found out about the host, nothing decided. */
export interface Node {
  /** The underlay interface. */
  readonly interface: {
    readonly name: string;
    readonly address: string;
    /** Of the network that the interface is connected to. */
    readonly prefixLength: number;
    readonly mtu: number;
  };
  /** The address that other nodes use for this one; the interface's own unless NAT is in between. */
  readonly publicIp: string;
  /** For people: what of the underlay is not as it should be, though it does for now; absent: nothing. */
  readonly doubt?: string;
  /** How programs are attached here; `xdp`: the one for XDP as well. */
  readonly attach: { readonly by: 'tcx' | 'clsact'; readonly xdp: boolean };
  /** Devices of the overlay that exist already, ours or not. */
  readonly links: readonly ObservedLink[];
  /** The pods that were made endpoints and are still there. */
  readonly endpoints: readonly Endpoint[];
  /** null: not asked, as the network has FastPath off. */
  readonly netfilter: Netfilter | null;
  readonly dataplane: DataplaneChoice;
  /** The host's own routes of the main table; null: not asked, as no peer of the network is reached without a tunnel. */
  readonly routes: readonly HostRoute[] | null;
}

/** What the lease is to publish, and what pods may send. */
export interface Offer {
  readonly attributes: LeaseAttributes;
  readonly mtu: number;
}

/** How packets are carried: by the programs, the same past the host's stack, by the kernel, or by a relay. */
export type Mode = 'default' | 'fastpath' | 'kernel' | 'user';

/** The state, and what could not be had. */
export interface Decision extends DesiredState {
  readonly mode: Mode;
  /** How many of the peers packets are carried to. */
  readonly reached: number;
  /** For people: a peer that is left out, an option that is not built yet. */
  readonly warnings: readonly string[];
  /** For people, and worse: what the network has and this host cannot have, whatever it does; absent: nothing. */
  readonly failures?: readonly string[];
}

/** A way to carry packets: a plain object, pure. */
export interface Backend {
  /** flannel's name for it, lower case. */
  readonly type: string;
  /** What can carry its packets. */
  readonly dataplanes: readonly DataplaneChoice['kind'][];
  /** The FOU port that it takes in kernel mode, which few kernels have; absent: none. */
  fouPort?(config: NetworkConfig, node: Node): FouPort;
  /** Whether programs carry this config's packets, where they can be loaded. */
  needsPrograms(config: NetworkConfig): boolean;
  /**
   * What this node would publish.
   * @param earlier the lease that this node holds already, if any: its MAC is kept
   * @param randomMac used when neither a device nor an earlier lease has one
   */
  attributes(
    config: NetworkConfig,
    node: Node,
    earlier: Lease | null,
    randomMac: () => string,
  ): Offer;
  /** What the host is to look like. Throws `CONFIG_INVALID` naming what cannot be. */
  desired(config: NetworkConfig, node: Node, own: Lease, peers: readonly Lease[]): Decision;
}
