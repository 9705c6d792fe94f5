import type { TartanError } from '../errors.ts';
import type { Prefix } from '../net/prefix.ts';
import type { FouPort } from '../plan/fou.ts';
import type { Op } from '../plan/op.ts';
import type { HostRoute } from '../plan/routes.ts';
import type { ObservedState } from '../plan/state.ts';

/** The only door to the kernel. */
export interface Kernel {
  /**
   * Why the programs cannot be loaded here; null: they can, as far as can be told without loading them. Changes nothing.
   */
  probe(): Promise<TartanError | null>;
  /**
   * Why the kernel cannot carry udp by itself at this FOU port, which is not ours yet; null: it can, as far as can be told
   * beforehand. May have the kernel load modules, and changes nothing else.
   */
  probeFou(fou: FouPort): Promise<TartanError | null>;
  /** Why there can be no TUN here, which user mode takes; null: there can. May have the kernel load its module. */
  probeTun(): Promise<TartanError | null>;
  /** Why the host's nftables cannot do it; null: they can. May have the kernel load modules, and changes nothing else. */
  probeNft(wish: NftWish): Promise<TartanError | null>;
  /**
   * How programs can be attached here. Reads only.
   * @param xdpOn an interface, if XDP on it is of interest
   */
  readAttachWays(xdpOn: string | null): Promise<AttachWays>;
  /** What a generation's programs have counted. Reads only, a part at a time: other work has its turn between. */
  readTraffic(generation: string): Promise<ProgramTraffic>;
  /** What of ours stands in the kernel now, and what stands in our way. Reads only. */
  observe(): Promise<ObservedState>;
  /**
   * Carries out one op; rejects with `KERNEL` (or a more exact code) naming op and object, and with `ProgramsRefused` if
   * the kernel does not take the programs.
   */
  apply(op: Op): Promise<void>;
  /**
   * Where no programs are wanted, after the ops: removes what no diff shows, such as the pin of a link whose device is
   * gone.
   */
  sweep(): Promise<void>;
  close(): Promise<void>;
}

/** What programs have counted since their maps were made. */
export interface ProgramTraffic {
  /** By the peer's subnet; packets as on the wire, bytes of the inner IP packets. */
  readonly peers: ReadonlyMap<string, PeerTraffic>;
  /** By name, as docs/architecture.md has them: what was dropped, or left to others. All that there are. */
  readonly counters: Readonly<Record<string, number>>;
}

export interface PeerTraffic {
  readonly sentPackets: number;
  readonly sentBytes: number;
  readonly receivedPackets: number;
  readonly receivedBytes: number;
}

export interface AttachWays {
  readonly tcx: boolean;
  /** null: it was not asked for. */
  readonly xdp: XdpWays | null;
}

/** XDP on an interface. */
export interface XdpWays {
  /** Whether there is a program for it. */
  readonly isBuilt: boolean;
  /** `veth`, `bond`, …; null for hardware. */
  readonly kind: string | null;
  /** Whether the driver runs it; null: the kernel does not say. */
  readonly native: boolean | null;
  /** Somebody else's program there: its id, and the network of this host that it is of, if it is of one. */
  readonly foreignProgram: { readonly id: number; readonly network: string | null } | null;
}

/** A network interface of the host. */
export interface HostInterface {
  readonly name: string;
  readonly index: number;
  /** Administratively up. */
  readonly up: boolean;
  readonly mtu: number;
  readonly mac: string;
  /** `veth`, `bridge`, …; empty for a physical one. */
  readonly kind: string;
  /** Name of the bridge or bond that it is a port of. */
  readonly master: string | null;
  /** Whether the other end of it (of a veth) is in another network namespace. */
  readonly leadsElsewhere: boolean;
  /** IPv4 addresses, dotted, in the kernel's order. */
  readonly addresses: readonly { readonly address: string; readonly prefixLength: number }[];
}

/** What our nft table is to do: masquerade, and keep overlays apart. */
export type NftWish = 'masquerade' | 'apart';

/** What may NAT on the host, as FastPath has to know it. */
export interface HostNat {
  /** For people; empty: nothing does. */
  readonly nat: readonly string[];
  /** Why the programs cannot tell which flows that changes; null: they can. */
  readonly blindness: string | null;
  /** Why it could not be read, so that NAT is assumed; null: it could. */
  readonly doubt: string | null;
}

/** Our own part in it, which counts as it is to be: it may stand already, or still. */
export interface OwnNat {
  /** The name of the network on this host. */
  readonly network: string;
  readonly masquerades: boolean;
}

/** What the host looks like beside our own objects. Reads only; needs no privilege. */
export interface HostReader {
  readInterfaces(): Promise<readonly HostInterface[]>;
  /** Names of the interfaces that IPv4 default routes of the main table leave by, the preferred one first. */
  defaultRouteInterfaces(): Promise<readonly string[]>;
  /** By which interface and with which source address packets to an address would leave; null: there is no way. */
  wayTowards(address: string): Promise<{ device: string; source: string | null } | null>;
  /** The main table's routes that are not ours. */
  readRoutes(): Promise<readonly HostRoute[]>;
  /** Whether packets are routed on: what interfaces to come will do (net.ipv4.ip_forward), and what this one does. */
  readForwarding(device: string): Promise<{ byDefault: boolean; byUnderlay: boolean }>;
  /** Cheap, however many rules there are. */
  readNat(own: OwnNat): Promise<HostNat>;
  /** Chains at the forward hook that do something, for people; may take a second where they hold 20,000 rules. */
  readForwardChains(): Promise<readonly string[]>;
}

/** What the kernel tells of the host while it happens. Devices are told by name, empty where nobody knows it. */
export type HostChange =
  | {
      readonly of: 'link';
      readonly device: string;
      /** As it was known before; empty for a new one. */
      readonly before: string;
      /** Of one whose MAC is another now: what it was. */
      readonly formerMac: string | null;
    }
  /** The address as a number. */
  | { readonly of: 'address'; readonly device: string; readonly address: number }
  /** Of the main table. `ours`: by its protocol, of this or another network. */
  | {
      readonly of: 'route';
      readonly device: string;
      readonly destination: Prefix;
      readonly ours: boolean;
      readonly gone: boolean;
    }
  | { readonly of: 'neighbor'; readonly device: string; readonly gone: boolean }
  /** A filter, qdisc, or VNI of a device. */
  | { readonly of: 'traffic'; readonly device: string }
  /** Something of nftables: of our table, or a chain that NATs. */
  | { readonly of: 'filter'; readonly ours: boolean; readonly nat: boolean }
  /** Our pins, or what our links hold. */
  | { readonly of: 'pins' }
  /** More than was told: it came too fast. */
  | { readonly of: 'anything' };

export interface HostNewsOptions {
  /** What is worth to be told of. Asked for each change, of which there may be thousands a second. */
  concerns(change: HostChange): boolean;
  /** Whether neigh and FDB entries are of interest: hosts have many, which change all the time. */
  readonly neighbors: boolean;
}

/**
 * News of this network namespace: yields when something changed that is of concern, once for all of a moment. It tells
 * that, not what: whoever hears of it looks.
 */
export type WatchHost = (options: HostNewsOptions) => AsyncIterable<void>;
