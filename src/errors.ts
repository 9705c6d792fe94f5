/**
 * The one error type. It lies outside the rooms because every room throws it and it imports nothing.
 */

/** What went wrong, as a stable word that scripts may match on. */
export type ErrorCode =
  /** Wrong use of a command: an unknown option, a value that cannot be, two stores at once. */
  | 'USAGE'
  /** The network config cannot be used: no JSON, a key out of bounds, an unknown backend. */
  | 'CONFIG_INVALID'
  /** The store holds no network config yet. */
  | 'CONFIG_MISSING'
  /** `init-config` would replace a different config. */
  | 'CONFIG_EXISTS'
  /** The store cannot be reached now. */
  | 'STORE_UNAVAILABLE'
  /** The store answered, but refused or failed: no space, no permission, corrupt. */
  | 'STORE_FAILED'
  /** Every subnet of the network is taken. */
  | 'OUT_OF_SUBNETS'
  /** The lease belongs to another node now, or to nobody. */
  | 'LEASE_LOST'
  /** The subnet, or one that overlaps it, is another node's. */
  | 'LEASE_TAKEN'
  /** There is no lease of that subnet. */
  | 'LEASE_MISSING'
  /** The underlay interface is missing, down, or has no usable address. */
  | 'INTERFACE'
  /** A device of our name is not ours, and is left alone. */
  | 'DEVICE_FOREIGN'
  /** A pinned map has another layout, or pins belong to another network namespace. */
  | 'PINS_FOREIGN'
  /** A tool, library or kernel feature that is needed is missing. */
  | 'MISSING'
  /** Not enough privilege. */
  | 'PERMISSION'
  /** A file or folder cannot be read or written. */
  | 'FILE'
  /** The kernel refused an operation. */
  | 'KERNEL'
  /** Another process of ours is at work on this network, or another process has the port. */
  | 'BUSY'
  /** The other end of a measurement cannot be reached now, or stopped answering. */
  | 'PEER_UNAVAILABLE'
  /** The other end of a measurement failed, refused, or is something else. */
  | 'PEER_FAILED'
  /** Interrupted by a signal. */
  | 'INTERRUPTED'
  /** A bug of ours. */
  | 'INTERNAL';

/** Codes after which trying again later, unchanged, can succeed: exit status 75 (EX_TEMPFAIL). */
const TRY_LATER: ReadonlySet<ErrorCode> = new Set([
  'STORE_UNAVAILABLE',
  'OUT_OF_SUBNETS',
  'BUSY',
  'PEER_UNAVAILABLE',
]);

/** An error for people: what happened (message, naming the value), and what to do (hint). */
export class TartanError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;

  constructor(code: ErrorCode, message: string, hint: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'TartanError';
    this.code = code;
    this.hint = hint;
  }

  /** 2 wrong use, 75 try again later, 1 everything else. */
  get exitCode(): 1 | 2 | 75 {
    if (this.code === 'USAGE') return 2;
    return TRY_LATER.has(this.code) ? 75 : 1;
  }
}

/** The kernel refuses the BPF programs as they are built: no other build of them is at hand, so try without. */
export class ProgramsRefused extends TartanError {}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
