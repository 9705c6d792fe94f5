import { TartanError } from '../errors.ts';
import type { Message } from './channel.ts';

/** The longest run that may be asked for. */
export const MOST_SECONDS = 3600;

/** What the asking end wants of the serving end. `port`: its own UDP port. */
export type Request =
  | { readonly do: 'tcp'; readonly seconds: number }
  | { readonly do: 'count' | 'flood' | 'echo'; readonly seconds: number; readonly port: number };

/** @throws TartanError `PEER_FAILED` if it is none */
export function readRequest(message: Message): Request {
  const { do: what, seconds, port } = message;
  const timed = typeof seconds === 'number' && seconds > 0 && seconds <= MOST_SECONDS + 1;
  if (timed && what === 'tcp') return { do: what, seconds };
  if (
    timed &&
    (what === 'count' || what === 'flood' || what === 'echo') &&
    typeof port === 'number' &&
    Number.isInteger(port) &&
    port > 0 &&
    port < 65_536
  ) {
    return { do: what, seconds, port };
  }
  throw new TartanError(
    'PEER_FAILED',
    `cannot be asked for ${JSON.stringify(message).slice(0, 100)}`,
    'Install the same version on both ends.',
  );
}
