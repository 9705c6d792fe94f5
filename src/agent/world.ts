import type { Backend } from '../backend/contract.ts';
import type { HostReader, Kernel, WatchHost } from '../kernel/contract.ts';
import type { LeaseStore } from '../store/contract.ts';
import type { AttachChoice } from './attach_choice.ts';
import type { Clocks } from './clocks.ts';
import type { DataplaneOption } from './dataplane.ts';
import type { WatchEvent } from './events.ts';
import type { Measured } from './figures.ts';
import type { LockFile } from './lock.ts';
import type { Log } from './log.ts';
import type { SubnetHook } from './subnet_change.ts';
import type { UnderlayChoice } from './underlay.ts';

/** The name of the one network of a host, where only one is configured. */
export const DEFAULT_NETWORK = 'default';

/** Everything outside the process that the commands touch. */
export interface World extends Clocks {
  readonly store: LeaseStore;
  readonly kernel: Kernel;
  readonly host: HostReader;
  readonly lockFile: LockFile;
  readonly log: Log;
  /** Ends what runs, between two steps. */
  readonly signal: AbortSignal;
  /** @throws TartanError `CONFIG_INVALID` for a backend that is not built */
  backendFor(type: string): Backend;
}

/** Where a host's part of a network lies. */
export interface Places {
  /** Name of the network's folder in both. */
  readonly network: string;
  readonly stateDir: string;
  readonly bpffs: string;
  readonly subnetFile: string;
}

/** What a host does with the overlay's packets, beside carrying them. */
export interface Policy {
  /** Whether what leaves or enters the overlay takes an address of this host. */
  readonly masquerades: boolean;
  /** Whether chains that would drop what is forwarded are told to accept the overlay. */
  readonly forwards: boolean;
  /** Whether what is for a pod of this host that is not there is dropped, rather than sent on. */
  readonly blackholes: boolean;
  /** Whether nothing is forwarded between the overlay and those of the host's other networks. */
  readonly apart: boolean;
}

/** How a host takes part. */
export interface MemberSettings extends Places {
  readonly underlay: UnderlayChoice;
  readonly attach: AttachChoice;
  readonly renewMarginSeconds: number;
  readonly policy: Policy;
  readonly dataplane: DataplaneOption;
  readonly onSubnetChange: SubnetHook | null;
}

export interface WatchSettings extends MemberSettings {
  readonly reconcileIntervalSeconds: number;
}

export interface WatchWorld extends World {
  readonly watchHost: WatchHost;
  emit(event: WatchEvent): void;
  /** Hears that a look at the host has come to its end, and what has made it fail. */
  looked?(failure?: unknown): void;
  /** Hears of the member once it keeps in step, to measure it. */
  attend?(member: Measured): void;
}
