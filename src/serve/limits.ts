/** How much a client may have of the server. */
import type { Socket } from 'node:net';
import { TartanError } from '../errors.ts';
import { plainAddress } from './authorize.ts';

export interface Limits {
  readonly connections: number;
  readonly connectionsPerAddress: number;
  /** Requests that wait for news. */
  readonly polls: number;
  readonly pollsPerAddress: number;
  /** Requests on one connection that are not answered yet. */
  readonly requestsPerConnection: number;
  readonly bodyBytes: number;
  readonly headerBytes: number;
  /** Until the handshake, the headers, and the whole request must be here. */
  readonly handshakeMs: number;
  readonly headersMs: number;
  readonly requestMs: number;
  /** A connection on which nothing moves, whatever it is at. Longer than a poll. */
  readonly idleMs: number;
  readonly pollMs: number;
}

export const LIMITS: Limits = {
  connections: 4_096,
  connectionsPerAddress: 64,
  polls: 4_096,
  pollsPerAddress: 64,
  requestsPerConnection: 4,
  bodyBytes: 65_536,
  headerBytes: 16_384,
  handshakeMs: 5_000,
  headersMs: 5_000,
  requestMs: 10_000,
  idleMs: 90_000,
  pollMs: 60_000,
};

/** How many there are, in all and of each. */
export interface Quota {
  /** @returns whether there was room for one more of `key`; it is to be given back then */
  take(key: string): boolean;
  give(key: string): void;
}

export function createQuota(most: number, mostOfEach: number): Quota {
  const counts = new Map<string, number>();
  let total = 0;
  return {
    take(key) {
      const count = counts.get(key) ?? 0;
      if (total >= most || count >= mostOfEach) return false;
      counts.set(key, count + 1);
      total += 1;
      return true;
    },
    give(key) {
      const count = (counts.get(key) ?? 0) - 1;
      if (count > 0) counts.set(key, count);
      else counts.delete(key);
      total -= 1;
    },
  };
}

/** Closes connections beyond the limits as they come: before a handshake there is no way to say why. */
export function admitConnections(limits: Limits, onRefused: (address: string) => void) {
  const quota = createQuota(limits.connections, limits.connectionsPerAddress);
  return (socket: Socket): void => {
    const address = plainAddress(socket.remoteAddress);
    // It may break at any moment, which is the client's affair.
    socket.on('error', () => {});
    if (!quota.take(address)) {
      socket.destroy();
      onRefused(address);
      return;
    }
    socket.once('close', () => quota.give(address));
  };
}

/** @throws TartanError `BUSY` */
export function tooMany(what: string, most: number): TartanError {
  return new TartanError(
    'BUSY',
    `too many ${what} at once: ${most} are the limit`,
    'Try again later, or give the server higher limits: --max-connections, --max-connections-per-address.',
  );
}
