/** The other end as flanneld has it, set up by hand: nothing of tartan is used on that host. */
import type { Host } from '../../lab/host.ts';
import type { JoinReport } from '../../src/agent/join.ts';

/** What flanneld knows of another host. */
export interface FlannelPeer {
  /** `10.5.2.0/24` */
  readonly subnet: string;
  readonly publicIp: string;
  /** Empty where the carrier has none. */
  readonly vtepMac: string;
}

/** A host's end, from when its lease is written until it is taken over. */
export interface FlannelEnd {
  readonly peer: FlannelPeer;
  /** Tells it who else there is, once. */
  know(others: readonly FlannelPeer[]): Promise<void>;
  /** Ends what runs. */
  stop(): Promise<void>;
  /** Asserts that a join has left nothing of it that is in the way. */
  assertTakenOver(report: JoinReport): Promise<void>;
}

export interface Flannel {
  /** The value of a lease, byte for byte. */
  leaseOf(peer: FlannelPeer): string;
  /** @param mtu of the overlay */
  setUp(host: Host, subnet: string, mtu: number): Promise<FlannelEnd>;
  /** Its end is a process, which wants each packet finished. */
  readonly isProcess: boolean;
  /** How many datagrams it takes at once: a process that copies each of them overruns its socket. */
  readonly atOnce: { readonly fragmented: number; readonly segmented: number };
}
