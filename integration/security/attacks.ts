/** What must not get in, and by which counter it is told. */
import type { CounterName } from '../../src/bpf/counters.ts';
import { ECN } from '../bpf/packets.ts';
import type { Changes } from '../bpf/scene.ts';
import type { Tunnel } from '../carriers/contract.ts';
import { type Network, unheldAddress } from '../dataplane/network.ts';

export interface Attack {
  readonly name: string;
  readonly counter: CounterName;
  /** Default the same; null: the kernel drops it on its slow way, before a program of ours sees it. */
  readonly slowCounter?: null;
  change(network: Network): Changes;
}

type Inner = NonNullable<Changes['inner']>;

const from = (
  name: string,
  counter: CounterName,
  source: (network: Network) => string,
): Attack => ({
  name: `an inner source ${name}`,
  counter,
  change: (network) => ({ inner: { source: source(network) } }),
});

const to = (name: string, destination: string): Attack => ({
  name: `an inner destination ${name}`,
  counter: 'drop_martian',
  change: () => ({ inner: { destination } }),
});

const inner = (name: string, counter: CounterName, fields: Partial<Inner>): Attack => ({
  name,
  counter,
  change: () => ({ inner: fields }),
});

const INNER: readonly Attack[] = [
  from("in another peer's subnet", 'drop_spoofed_source', ({ a }) => a.pod.address),
  from("in the receiver's own subnet", 'drop_spoofed_source', ({ b }) => b.gateway),
  from('that is the receiving pod', 'drop_spoofed_source', ({ b }) => b.pod.address),
  from('that nobody holds', 'drop_spoofed_source', unheldAddress),
  from("that is the receiver's PublicIP", 'drop_martian', ({ b }) => b.host.address),
  from('of loopback', 'drop_martian', () => '127.0.0.1'),
  from('0.0.0.0', 'drop_martian', () => '0.0.0.0'),
  from('of multicast', 'drop_martian', () => '224.0.0.1'),
  from('of broadcast', 'drop_martian', () => '255.255.255.255'),
  to('of loopback', '127.0.0.1'),
  to('0.0.0.0', '0.0.0.0'),
  to('of multicast', '224.0.0.1'),
  to('of broadcast', '255.255.255.255'),
  inner('IP version 6 under IPv4', 'drop_not_ipv4', { version: 6 }),
  inner('an inner header of 4 words', 'drop_not_ipv4', { headerWords: 4 }),
  inner('an inner length beyond the packet', 'drop_length', { totalLength: 1000 }),
  inner('an inner length below its header', 'drop_length', { totalLength: 19 }),
  {
    name: 'a stranger',
    counter: 'drop_unknown_peer',
    change: ({ stranger }) => ({ outer: { source: stranger.address } }),
  },
  {
    name: "the receiver's own PublicIP as outer source",
    counter: 'drop_unknown_peer',
    slowCounter: null,
    change: ({ b }) => ({ outer: { source: b.host.address } }),
  },
];

const OUTER: readonly Attack[] = [
  {
    name: 'congestion for a packet that cannot carry it',
    counter: 'drop_congestion',
    change: () => ({ outer: { tos: ECN.congested } }),
  },
  {
    name: 'a wrong checksum',
    counter: 'drop_checksum',
    change: () => ({ outer: { checksum: 1 } }),
  },
  ...[50, 1000].map(
    (totalLength): Attack => ({
      name: `an outer length of ${totalLength}`,
      counter: 'drop_length',
      change: () => ({ outer: { totalLength } }),
    }),
  ),
  ...[0, 20, 1000].map(
    (length): Attack => ({
      name: `a UDP length of ${length}`,
      counter: 'drop_length',
      change: () => ({ udp: { length } }),
    }),
  ),
];

/** By either way of receiving. */
export function innerAttacks({ flaws }: Tunnel): Attack[] {
  return [...INNER, ...flaws.filter(({ isOuter }) => !isOuter)];
}

/** Of the outer headers: what of it is not whole and plain is the kernel's to judge. */
export function outerAttacks({ flaws }: Tunnel): Attack[] {
  return [...OUTER, ...flaws.filter(({ isOuter }) => isOuter)];
}
