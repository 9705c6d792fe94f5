/** Addresses and routes of the host, and what kernel mode tells a device about its peers. */

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
  /**
   * It leads nowhere, by no device: what no other route to the same or less takes is dropped. Behind all others, and so
   * `onlink` in that it takes no other's place.
   */
  readonly blackhole?: true;
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
