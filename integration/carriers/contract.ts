/** What the suites know of a carrier: a backend in one of its modes. What does not hold for one is said here. */
import type { Mode } from '../../src/backend/contract.ts';
import type { CounterName } from '../../src/bpf/counters.ts';
import type { Expected, Frame, World } from '../bpf/oracle.ts';
import type { Changes } from '../bpf/scene.ts';

/** What is counted beside the packets themselves. */
export type Reasons = Partial<Record<CounterName, number>>;

export interface Carrier {
  /** The names of its rows begin with it. */
  readonly name: string;
  readonly config: {
    readonly Network: string;
    readonly Backend: Readonly<{ Type: string } & Record<string, unknown>>;
  };
  /** What `join` says. In `fastpath` every pod is an endpoint. */
  readonly mode: Mode;
  /** Hosts reach each other on one layer 2 only. */
  readonly isFlatOnly: boolean;
  /** A tunnel to hosts behind a router alone: without one it is another carrier. */
  readonly isRoutedOnly?: true;
  /** The overlay device, to which the whole network is routed. null: only the subnets of peers are routed. */
  readonly device: string | null;
  /** In bytes, of the outer headers. */
  readonly overhead: number;
  /** null: packets travel as they are, and hosts speak to pods from the underlay. */
  readonly tunnel: Tunnel | null;
  /** A process on each host carries the packets. */
  readonly hasRelay?: true;
  /** Hops that a packet loses a life at, and nobody is told. Default 0. */
  readonly silentHops?: number;
  /** How many datagrams at once are not too many for the queues on the way. Default: as many as there are. */
  readonly atOnce?: { readonly fragmented: number; readonly segmented: number };
  /** A lease tells a host by a MAC, too: with another address it keeps its subnet. */
  readonly isKnownByMac?: true;
  /**
   * What may happen to what `join` has made on a host: a name, and a script for the host's shell. Each leaves something
   * for the next join to mend. After the last nothing is carried.
   */
  readonly damages: readonly (readonly [name: string, script: string])[];
  /** null: no program of ours sees a packet, so that nothing is counted or checked. */
  readonly programs: Programs | null;
  /** What it takes that this kernel has not, for `skip`; absent: nothing. */
  readonly missing?: string | false;
}

export interface TunnelCarrier extends Carrier {
  readonly tunnel: Tunnel;
}

/** Packets in UDP. */
export interface Tunnel {
  readonly port: number;
  /**
   * What stands behind the outer UDP header of an inner packet.
   * @param to MAC of the receiver's overlay device
   */
  wrap(inner: Buffer, to: string, changes?: Wrapping): Buffer;
  /** What may be wrong between the outer UDP header and the inner packet. */
  readonly flaws: readonly Flaw[];
  /** What becomes of what comes to the port and is no packet of the tunnel. */
  readonly stray: { readonly counter: CounterName; readonly isLeftToHost: boolean };
  /** Whether fragments of an outer packet may come in any order, as the kernel takes them. */
  readonly gathers: 'in order' | 'in any order';
  /** Whether the underlay's congestion marks go into the inner header (RFC 6040). */
  readonly takesMarks: boolean;
  /** Whether an outer packet may have IP options. Else the host gets it, and has no use for it. */
  readonly takesOptions: boolean;
}

/** What an attacker may change between the outer UDP header and the inner packet. */
export type Wrapping = Pick<Changes, 'vxlan' | 'innerEthernet'>;

export interface Flaw {
  readonly name: string;
  readonly counter: CounterName;
  /** What of it a kernel drops on the slow way, before a program of ours sees it. */
  readonly isStoppedByKernel?: boolean;
  /** The programs look at it before they know the inner packet. */
  readonly isOuter?: boolean;
  change(network: { readonly a: { readonly vtepMac: string } }): Changes;
}

/** What our programs make of what they see. */
export interface Programs {
  /** Whose packets they see: all of the overlay, those between endpoints alone, or those that are for no peer. */
  readonly see: 'overlay' | 'endpoints' | 'strays';
  /** A packet that took the slow way of receiving: in two fragments, or with options. */
  readonly slow: {
    readonly received: Reasons;
    /** Whether FastPath looks for its endpoint, as for a whole one. */
    readonly isServed: boolean;
    /** The first piece of one, which waits for the rest. */
    readonly piece: Reasons;
    /** Beside the reason of a drop. */
    readonly dropped: Reasons;
    /** From an address that is no peer's; null: it is left to the host, which has no use for it. */
    readonly unknown: CounterName | null;
    /** Cut off within the inner header; null: the kernel drops it. */
    readonly truncated: CounterName | null;
    /** A mark that the inner header cannot carry (RFC 6040); null: the kernel drops it. */
    readonly congested: CounterName | null;
  };
  /** A whole packet whose mark has to go into the inner header. */
  readonly marked: Reasons;
  /** UDP-GSO that a cable hands over unsegmented: so many packets of so many datagrams. */
  gso(packets: number, datagrams: number): { readonly sender: Reasons; readonly receiver: Reasons };
  /** Beside each packet to a peer whose end is a process. */
  readonly toProcess: Reasons;
  /** What the one that receives is to make of a frame for this host, said once more. */
  judge(world: World, frame: Frame): Expected;
  /** For what reasons that one leaves a packet to the host, where no other program counts them. */
  readonly left: readonly CounterName[];
  /** What a pod's host counts while the pod routes what came out of the tunnel into the tunnel. */
  readonly sentOn: readonly CounterName[];
}

/** Takes the programs off the underlay, and off a host's other devices where links hold them. */
export const NO_PROGRAMS = `
rm -rf $FLANNELD_BPFFS/tartan
tc filter delete dev eth0 ingress 2>/dev/null || true`;

export function isFast({ mode }: Carrier): boolean {
  return mode === 'fastpath';
}
