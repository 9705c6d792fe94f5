/** What of a member can be measured: plain data, as it is at one moment. */
import type { Mode } from '../backend/contract.ts';
import type { ProgramTraffic } from '../kernel/contract.ts';

export type { ProgramTraffic } from '../kernel/contract.ts';

export interface LeaseFigures {
  readonly subnet: string;
  readonly publicIp: string;
  /** The whole network, `10.5.0.0/16`. */
  readonly overlay: string;
  readonly backend: string;
  readonly mode: Mode;
  /** The underlay's. */
  readonly interface: string;
  /** Since it was renewed last; of a reservation, since this process learnt of it. */
  readonly ageSeconds: number;
  /** Seconds since the epoch; infinity: a reservation, which never ends. */
  readonly expiresAtSeconds: number;
}

export interface MemberFigures {
  /** Null: it is lost, and no other one is there yet. */
  readonly lease: LeaseFigures | null;
  /** The store's revision up to which the watch has told. */
  readonly revision: number;
  /** Leases of other nodes in the store. */
  readonly peersDesired: number;
  /** Those of them that stand in the kernel, as it was read last and changed since. */
  readonly peersProgrammed: number;
  /** Steps that the kernel is away from what it should be, as of the last comparison. */
  readonly differences: number;
}

/** A member of the network, for who measures it. */
export interface Measured {
  figures(): MemberFigures;
  /** What its programs have counted; null: there are none. */
  readTraffic(): Promise<ProgramTraffic | null>;
}
