import {
  EtcdAuthenticationFailedError,
  EtcdInvalidAuthTokenError,
  EtcdPermissionDeniedError,
  GRPCCancelledError,
  GRPCDeadlineExceededError,
  GRPCInternalError,
  GRPCResourceExhastedError,
  GRPCUnauthenticatedError,
  GRPCUnavailableError,
} from 'etcd3/lib/errors.js';
import { messageOf, TartanError } from '../errors.ts';

/** No answer, or one that says "not now": another member, or the same one later, may do better. */
export function isOutage(error: unknown): boolean {
  return (
    error instanceof GRPCUnavailableError ||
    error instanceof GRPCDeadlineExceededError ||
    error instanceof GRPCCancelledError ||
    isOverloaded(error) ||
    isLate(error) ||
    // A connection that was reset in the middle of a call.
    (error instanceof GRPCInternalError && /RST_STREAM|HTTP\/2|ECONN/.test(error.message))
  );
}

/** The snapshot's revision was compacted away between two pages. */
export function isCompacted(error: unknown): boolean {
  return /mvcc: required revision has been compacted/.test(messageOf(error));
}

/** The grant was made by an earlier try, whose answer was lost. */
export function isGrantedAlready(error: unknown): boolean {
  return /lease already exists/.test(messageOf(error));
}

/** A user was given, and the server runs without authentication. */
export function isAuthNotEnabled(error: unknown): boolean {
  return /authentication is not enabled/.test(messageOf(error));
}

/** No user was given, and the server runs with authentication. */
export function isUserMissing(error: unknown): boolean {
  return /user name is empty/.test(messageOf(error));
}

/** Users or roles have changed since the token was made: what a JWT means is bound to their revision. */
export function isTokenOutdated(error: unknown): boolean {
  return /revision of auth store is old/.test(messageOf(error));
}

/** The server noticed before us that our time is up: a member that waits for a quorum says so in this way. */
function isLate(error: unknown): boolean {
  return /context (deadline exceeded|canceled)/.test(messageOf(error));
}

/** gRPC waits before it connects again, and does not repeat what it has said of the last time. */
export function isMute(error: unknown): boolean {
  return /Last error: null/.test(messageOf(error));
}

/** More than the cluster can write down now. */
function isOverloaded(error: unknown): boolean {
  return /etcdserver: too many requests/.test(messageOf(error));
}

export function etcdUnavailable(description: string, cause: unknown): TartanError {
  const reason = plainMessage(cause);
  if (/certificate|SSL|TLS|wrong version number/i.test(reason)) {
    return new TartanError(
      'STORE_FAILED',
      `${description}: no secure connection: ${reason}`,
      'Check --etcd-cafile, --etcd-certfile and --etcd-keyfile, and http or https in the endpoint.',
      { cause },
    );
  }
  return new TartanError(
    'STORE_UNAVAILABLE',
    `${description} cannot be reached: ${reason}`,
    'Check that etcd runs and that --etcd-endpoints names it (http or https), and try again.',
    { cause },
  );
}

/** An answer of etcd's that is an error, as an error for people. */
export function etcdFailed(description: string, error: unknown): TartanError {
  if (error instanceof TartanError) return error;
  const message = `${description}: ${plainMessage(error)}`;
  return new TartanError('STORE_FAILED', message, hintFor(error), { cause: error });
}

function hintFor(error: unknown): string {
  if (
    error instanceof EtcdAuthenticationFailedError ||
    error instanceof EtcdInvalidAuthTokenError ||
    error instanceof GRPCUnauthenticatedError ||
    isUserMissing(error)
  ) {
    return 'Check --etcd-username and --etcd-password.';
  }
  if (error instanceof EtcdPermissionDeniedError) {
    return 'Check --etcd-username, and grant the user a role that may read and write the network’s prefix (etcdctl role grant-permission).';
  }
  if (error instanceof GRPCResourceExhastedError) {
    return 'Make room in etcd: compact, defragment, and disarm the alarm (etcdctl alarm disarm).';
  }
  return 'Look at etcd’s own log.';
}

/**
 * Decoration taken off: gRPC's and etcd3's `EtcdError: 5 NOT_FOUND: etcdserver: …`, OpenSSL's `407D…:error:0A…:`, Node's
 * advice to itself; and the time, with which the same error would be another one each time.
 */
function plainMessage(error: unknown): string {
  if (error instanceof GRPCDeadlineExceededError || isLate(error))
    return 'it does not answer in time';
  if (error instanceof GRPCCancelledError) return 'the call was given up';
  if (isMute(error)) return 'no connection';
  return messageOf(error)
    .replace(/\s+/g, ' ')
    .replace(/^(\w+: )?\d+ [A-Z_]+: /, '')
    .replace(/[0-9A-F]+:error:[0-9A-F]+:SSL routines:\w*:([^:]+):\S+( SSL alert number \d+)?/, '$1')
    .replace(/ Resolution note: ?$/, '')
    .replace(/^No connection established\. Last error: (Error: )?(.+?)\.?$/, '$2')
    .replace(/ \(\d{4}-\d\d-\d\dT[\d:.]+Z\)/, '')
    .replace(/; if the root CA is installed locally, try .*$/, '');
}
