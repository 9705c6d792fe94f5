/** What clients send, read and checked. */
import { messageOf, TartanError } from '../errors.ts';
import { decodeSubnetKey } from '../lease/codec.ts';
import { fieldsOf, type JsonFields } from '../lease/json_fields.ts';
import type { LeaseAttributes } from '../lease/lease.ts';
import { bareAttributes } from '../lease/reservation.ts';
import { formatPrefix, type Prefix, prefixesEqual } from '../net/prefix.ts';
import { decodeAttributesBody, decodeSubnet, parseBody } from '../store/http_codec.ts';
import { badRequest } from './exchange.ts';

/** flannel's leases last so long, and no client may ask for more. */
export const LONGEST_TTL_SECONDS = 86_400;

const HINT = 'docs/http.md has the bodies.';

/** @throws TartanError 400 for what `read` finds wrong */
function readSent<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    // The stack is for whoever nests sensibly.
    if (error instanceof RangeError) throw badRequest('the body is nested too deeply', HINT);
    if (!(error instanceof TartanError)) throw error;
    throw badRequest(messageOf(error), HINT);
  }
}

function readObject(text: string): JsonFields {
  const fields = fieldsOf(readSent(() => parseBody(text)));
  if (fields === null) throw badRequest('the body is no JSON object', HINT);
  return fields;
}

/** Kept is what a lease has here; what would be lost is refused. @throws TartanError 400 */
function readAttributes(value: unknown): LeaseAttributes {
  const attributes = readSent(() => decodeAttributesBody(value));
  const data = fieldsOf(value)?.get('backenddata') ?? null;
  if (data !== null && attributes.vxlan === undefined) {
    throw badRequest(
      `BackendData of the backend ${JSON.stringify(attributes.backendType)} cannot be kept`,
      'Only vxlan has BackendData here; leave it out.',
    );
  }
  return attributes;
}

/** flannel's LeaseAttrs: what POST to the leases has. @throws TartanError 400 */
export function readAttributesBody(text: string): LeaseAttributes {
  return readAttributes(readSent(() => parseBody(text)));
}

/**
 * flannel's Lease, of which Attrs count.
 * @throws TartanError 400, also if it is of another subnet than the path
 */
export function readLeaseBody(text: string, subnet: Prefix): LeaseAttributes {
  const fields = readObject(text);
  const named = fields.get('subnet');
  if (
    named !== undefined &&
    !prefixesEqual(
      readSent(() => decodeSubnet(named)),
      subnet,
    )
  ) {
    throw badRequest(
      `the body is of ${JSON.stringify(named)}, and the path of ${formatPrefix(subnet)}`,
      'Name the same subnet in both.',
    );
  }
  return readAttributes(fields.get('attrs'));
}

export interface ReservationBody {
  readonly subnet: Prefix;
  readonly attributes: LeaseAttributes;
}

/** flannel's Reservation, and perhaps Attrs. @throws TartanError 400 */
export function readReservationBody(text: string): ReservationBody {
  const fields = readObject(text);
  const subnet = readSent(() => decodeSubnet(fields.get('subnet')));
  const publicIp = fields.get('publicip');
  const attrs = fields.get('attrs');
  const attributes = readAttributes(attrs ?? { PublicIP: publicIp });
  if (publicIp !== undefined && publicIp !== attributes.publicIp) {
    throw badRequest(
      `PublicIP is ${JSON.stringify(publicIp)}, and in Attrs ${attributes.publicIp}`,
      'Give the same in both.',
    );
  }
  return {
    subnet,
    attributes: attrs === undefined ? bareAttributes(attributes.publicIp) : attributes,
  };
}

/** `?ttl=` in seconds; flannel's 24 hours without it. @throws TartanError 400 */
export function readTtl(query: URLSearchParams): number {
  const text = query.get('ttl');
  if (text === null) return LONGEST_TTL_SECONDS;
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (seconds >= 1 && seconds <= LONGEST_TTL_SECONDS) return seconds;
  throw badRequest(
    `ttl is ${JSON.stringify(text.slice(0, 40))}`,
    `Give whole seconds from 1 to ${LONGEST_TTL_SECONDS}.`,
  );
}

/** `?wait=` in seconds; null: none is given. @throws TartanError 400 */
export function readWait(query: URLSearchParams): number | null {
  const text = query.get('wait');
  if (text === null) return null;
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw badRequest(`wait is ${JSON.stringify(text.slice(0, 40))}`, 'Give whole seconds.');
}

/** `10.5.52.0-24`, as it stands in a path. @throws TartanError 400 */
export function readSubnetKey(text: string): Prefix {
  const subnet = decodeSubnetKey(text);
  if (subnet !== null) return subnet;
  throw badRequest(
    `${JSON.stringify(text.slice(0, 40))} is not a subnet's key`,
    'Give an address without host bits and a length, such as 10.5.52.0-24.',
  );
}
