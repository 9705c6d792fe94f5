/** Packets between hosts built by hand, on their way to one. */

import type { Changes } from '../bpf/scene.ts';
import type { Carrier } from '../carriers/contract.ts';
import type { Counted } from './meter.ts';
import type { Member } from './network.ts';
import { ECN, type Ecn, echoReply, ICMP, inFragments, ipv4, udp } from './packets.ts';

export interface Forgery {
  /** The outer source. Where there is no tunnel, nothing says who sent the packet. */
  readonly from: string;
  readonly to: Member;
  /** The inner source. */
  readonly source: string;
  readonly changes?: Changes;
  /** So many bytes of the inner packet only. */
  readonly innerBytes?: number;
  readonly outerEcn?: Ecn;
  readonly innerEcn?: Ecn;
}

/** A way by which a packet reaches a host. */
export interface Way {
  readonly name: string;
  /** Taken by our program as it comes; else the kernel has to look at it first. */
  readonly isFast: boolean;
  /** The tunnel may have no such way: nothing gets in by it. */
  readonly isOpen: (carrier: Carrier) => boolean;
  /** What is counted for an endpoint, where this is done to the packet itself. Default: as received. */
  readonly ofPods?: Counted;
  build(carrier: Carrier, forgery: Forgery): Buffer[];
}

/** RFC 791: no operation, four times. It must come apart from the fast way's headers. */
const NO_OPERATION = Buffer.from([1, 1, 1, 1]);

/** The first fragment ends within the inner headers. */
const FIRST_FRAGMENT_BYTES = 24;

const WHOLE: Way = {
  name: 'whole',
  isFast: true,
  isOpen: () => true,
  build: (carrier, forgery) => [build(carrier, forgery)],
};

export const WAYS: readonly Way[] = [
  WHOLE,
  {
    name: 'in fragments',
    isFast: false,
    isOpen: () => true,
    build: (carrier, forgery) => inFragments(build(carrier, forgery), FIRST_FRAGMENT_BYTES),
  },
  {
    name: 'with IP options',
    isFast: false,
    isOpen: ({ tunnel }) => tunnel?.takesOptions ?? true,
    ofPods: { other: { host_options: 1 } },
    build: (carrier, forgery) => [build(carrier, forgery, NO_OPERATION)],
  },
];

let nextId = 1;

/** One packet, whole. */
export function build({ tunnel }: Carrier, forgery: Forgery, options?: Buffer): Buffer {
  const { from, to, source, changes = {}, innerBytes } = forgery;
  const mark = { id: nextId++ % 0xffff, ...(options && { options }) };
  const inner = ipv4({
    source,
    destination: to.pod.address,
    tos: forgery.innerEcn ?? ECN.notCapable,
    protocol: ICMP,
    ...(tunnel === null && mark),
    payload: changes.payload ?? echoReply(Buffer.from('a packet built by hand')),
  });
  if (tunnel === null) return inner;
  const tunnelled = tunnel.wrap(inner.subarray(0, innerBytes), to.vtepMac, changes);
  return ipv4({
    source: from,
    destination: to.host.address,
    tos: forgery.outerEcn ?? ECN.notCapable,
    ...mark,
    payload: udp(40_000, tunnel.port, tunnelled),
  });
}
