/** Encapsulated packets built by hand, on their way to a host. */

import type { Member } from './network.ts';
import {
  ECN,
  type Ecn,
  echoReply,
  ICMP,
  inFragments,
  ipv4,
  udp,
  VXLAN_PORT,
  vxlan,
} from './packets.ts';

export interface Forgery {
  /** The outer source. */
  readonly from: string;
  readonly to: Member;
  /** The inner source. */
  readonly source: string;
  readonly vni?: number;
  readonly destinationMac?: string;
  readonly etherType?: number;
  /** So many bytes of the inner packet only. */
  readonly innerBytes?: number;
  readonly outerEcn?: Ecn;
  readonly innerEcn?: Ecn;
}

/** A way by which an encapsulated packet reaches a host. */
export interface Way {
  readonly name: string;
  /** Taken apart by our program; else by the kernel's device. */
  readonly isFast: boolean;
  build(forgery: Forgery): Buffer[];
}

/** RFC 791: no operation, four times. It must come apart from the fast way's headers. */
const NO_OPERATION = Buffer.from([1, 1, 1, 1]);

/** The first fragment ends within the VXLAN headers. */
const FIRST_FRAGMENT_BYTES = 24;

export const WAYS: readonly Way[] = [
  { name: 'whole', isFast: true, build: (forgery) => [build(forgery)] },
  {
    name: 'in fragments',
    isFast: false,
    build: (forgery) => inFragments(build(forgery), FIRST_FRAGMENT_BYTES),
  },
  {
    name: 'with IP options',
    isFast: false,
    build: (forgery) => [build(forgery, NO_OPERATION)],
  },
];

let nextId = 1;

function build(forgery: Forgery, options?: Buffer): Buffer {
  const { from, to, source, vni, etherType, innerBytes } = forgery;
  const inner = ipv4({
    source,
    destination: to.pod.address,
    tos: forgery.innerEcn ?? ECN.notCapable,
    protocol: ICMP,
    payload: echoReply(Buffer.from('a packet built by hand')),
  });
  const tunnelled = vxlan({
    ...(vni === undefined ? {} : { vni }),
    ...(etherType === undefined ? {} : { etherType }),
    destinationMac: forgery.destinationMac ?? to.vtepMac,
    payload: inner.subarray(0, innerBytes),
  });
  return ipv4({
    source: from,
    destination: to.host.address,
    tos: forgery.outerEcn ?? ECN.notCapable,
    id: nextId++ % 0xffff,
    ...(options && { options }),
    payload: udp(40_000, VXLAN_PORT, tunnelled),
  });
}
