/** flannel's paths: `/v1/{network}/config`, `/leases`, `/leases/{subnet}`, `/reservations`, `/reservations/{subnet}`. */
import { isSpelledAsName } from '../lease/network_name.ts';
import { getConfig, putConfig } from './config_handlers.ts';
import { badRequest, HttpError } from './exchange.ts';
import { deleteLease, getLease, postLease, putLease } from './lease_handlers.ts';
import type { Handler } from './network.ts';
import { deleteReservation, getReservations, postReservation } from './reservation_handlers.ts';
import { getLeases } from './watch_handlers.ts';

type Methods = Readonly<Record<string, Handler>>;

/** By what stands behind the network's name, `*` being a subnet's key. */
const TABLE: Readonly<Record<string, Methods>> = {
  config: { GET: getConfig, PUT: putConfig },
  leases: { GET: getLeases, POST: postLease },
  'leases/*': { GET: getLease, PUT: putLease, DELETE: deleteLease },
  reservations: { GET: getReservations, POST: postReservation },
  'reservations/*': { DELETE: deleteReservation },
};

export interface Route {
  /** `_`: the network that has no name. */
  readonly network: string;
  readonly handler: Handler;
  readonly key: string;
  readonly query: URLSearchParams;
}

/** @throws TartanError 400, 404, 405 */
export function findRoute(method: string, url: string): Route {
  const [path = '', search = ''] = splitOnce(url, '?');
  const [empty, version, network = '', resource = '', ...rest] = path.split('/').map(decode);
  const pattern = rest.length === 0 ? resource : `${resource}/*`;
  const isKnown = empty === '' && version === 'v1' && rest.length <= 1;
  if (!isKnown || !Object.hasOwn(TABLE, pattern)) {
    throw new HttpError(
      404,
      'USAGE',
      `there is nothing at ${JSON.stringify(path.slice(0, 100))}`,
      'Ask for /v1/_/config, /v1/_/leases or /v1/_/reservations.',
    );
  }
  if (!isSpelledAsName(network)) {
    throw badRequest(
      `${JSON.stringify(network.slice(0, 40))} cannot be a network's name`,
      'Give _ for the network without a name, or 1 to 32 letters, digits, - and _.',
    );
  }
  const methods = TABLE[pattern] ?? {};
  const handler = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (handler === undefined) {
    const known = Object.keys(methods).join(', ');
    throw new HttpError(405, 'USAGE', `${method} is not for ${pattern}`, `Use ${known}.`);
  }
  return { network, handler, key: rest[0] ?? '', query: new URLSearchParams(search) };
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** @throws TartanError 400 */
function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw badRequest(
      `${JSON.stringify(part.slice(0, 40))} in the path is not percent-encoded UTF-8`,
      'Encode it as RFC 3986 has it.',
    );
  }
}
