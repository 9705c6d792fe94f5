/** What the relay counts: packets as the TUN and the wire have them, and why others were dropped. */

export const COUNTER_NAMES = [
  'sent_packets',
  'received_packets',
  /** From the TUN: IPv6, or no whole packet. */
  'drop_not_ipv4',
  /** From the TUN: nobody holds the destination. The sender is told, but not about each one. */
  'drop_no_peer',
  'answer_unreachable',
  /** The last hop of a packet's life, either way. */
  'drop_ttl',
  /** From the TUN: an offload that was not asked for. */
  'drop_offload',
  /** The socket did not take it: no route, no room, a firewall. */
  'drop_send',
  /** Received from an address that is no peer's. */
  'drop_stranger',
  /** Received from a peer, with a source inside the network that is not that peer's. */
  'drop_source',
  /** Received: no whole IPv4 packet. */
  'drop_malformed',
  /** The TUN did not take it: it is down, or the packet's header is wrong. */
  'drop_tun',
] as const;

export type CounterName = (typeof COUNTER_NAMES)[number];

export type Counters = Record<CounterName, number>;

export function zeroCounters(): Counters {
  return Object.fromEntries(COUNTER_NAMES.map((name) => [name, 0])) as Counters;
}

/** How many were dropped, for whatever reason. */
export function droppedOf(counters: Counters): number {
  return COUNTER_NAMES.filter((name) => name.startsWith('drop_')).reduce(
    (sum, name) => sum + counters[name],
    0,
  );
}

/** Those that are not 0. */
export function countedOf(counters: Counters): Partial<Counters> {
  return Object.fromEntries(Object.entries(counters).filter(([, value]) => value > 0));
}
