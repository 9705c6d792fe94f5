import { type ErrorCode, TartanError } from '../errors.ts';

/** Nobody there, or no longer. */
export function unavailable(message: string, cause?: unknown): TartanError {
  return new TartanError(
    'PEER_UNAVAILABLE',
    message,
    'Start `tartan bench --serve` there, and let both its ports through the firewalls: TCP --port, TCP and UDP the one after it.',
    { cause },
  );
}

export function interrupted(): TartanError {
  return new TartanError(
    'INTERRUPTED',
    'interrupted before all was measured',
    'Run it again: nothing was left behind.',
  );
}

/** An error as it travels to the other end. */
export interface SentError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

/** What the two ends may tell each other: other codes are not taken from a peer. */
const TRAVELLING: readonly string[] = ['BUSY', 'MISSING', 'INTERRUPTED', 'INTERFACE'];

/** An error that the other end had, as this end's. */
export function fromPeer(address: string, sent: unknown): TartanError {
  const { code, message, hint } = (sent ?? {}) as Partial<SentError>;
  const known = typeof code === 'string' && TRAVELLING.includes(code);
  return new TartanError(
    known && code !== 'INTERRUPTED' ? code : 'PEER_FAILED',
    `${address} says: ${typeof message === 'string' ? message : 'something failed'}`,
    typeof hint === 'string' ? hint : 'Look at what the other end printed.',
  );
}
