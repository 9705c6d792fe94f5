/**
 * What goes over HTTP between `tartan serve` and `--remote`: flannel's bodies (its `remote` package: keys in Go's case,
 * subnets as `10.5.52.0/24`, `next` and `cursor`), and beside its keys what they lack: revisions, and time left. Keys are
 * found in any case, as Go finds them. docs/http.md has them all.
 */
import { messageOf, TartanError } from '../errors.ts';
import { decodeAttributes, decodeSubnetKey, encodeAttributes } from '../lease/codec.ts';
import { fieldsOf, type JsonFields } from '../lease/json_fields.ts';
import type { Expiry, Lease, LeaseAttributes, RejectedKey } from '../lease/lease.ts';
import { formatPrefix, type Prefix } from '../net/prefix.ts';
import type { LeaseEvent, Snapshot, StoreUpdate } from './contract.ts';

/** Go's zero time, which flannel has for a lease without TTL. */
const NEVER = '0001-01-01T00:00:00Z';

/** A lease: flannel's three keys, then ours. */
export interface LeaseBody {
  readonly Subnet: string;
  readonly Attrs: object;
  /** RFC 3339, by the server's clock; absent where the store does not tell. */
  readonly Expiration?: string;
  /** Seconds until then, which needs no clock that agrees. */
  readonly TTL?: number;
  readonly Revision: number;
}

/** A lease at this moment, which is what its TTL counts from. */
export function encodeLease(lease: Lease, nowMs: number): LeaseBody {
  const { subnet, attributes, expiresAt, revision } = lease;
  return {
    Subnet: formatPrefix(subnet),
    Attrs: JSON.parse(encodeAttributes(attributes)),
    ...encodeExpiry(expiresAt, nowMs),
    Revision: revision,
  };
}

function encodeExpiry(expiresAt: Expiry, nowMs: number): Pick<LeaseBody, 'Expiration' | 'TTL'> {
  if (expiresAt === 'unknown') return {};
  if (expiresAt === 'never') return { Expiration: NEVER };
  return {
    Expiration: expiresAt.toISOString(),
    TTL: (expiresAt.getTime() - nowMs) / 1000,
  };
}

/** @throws TartanError `STORE_FAILED` naming what is wrong */
export function decodeLease(value: unknown, nowMs: number): Lease {
  const fields = objectOf(value, 'a lease');
  return {
    subnet: decodeSubnet(fields.get('subnet')),
    attributes: decodeAttributesBody(fields.get('attrs')),
    expiresAt: decodeExpiry(fields, nowMs),
    revision: decodeRevision(fields.get('revision')),
  };
}

function decodeExpiry(fields: JsonFields, nowMs: number): Expiry {
  const left = fields.get('ttl');
  if (typeof left === 'number' && Number.isFinite(left)) {
    const end = new Date(nowMs + left * 1000);
    if (!Number.isNaN(end.getTime())) return end;
  }
  return fields.get('expiration') === NEVER ? 'never' : 'unknown';
}

/** @throws TartanError `STORE_FAILED` naming what is wrong */
export function decodeAttributesBody(value: unknown): LeaseAttributes {
  return decodeAttributes(JSON.stringify(value) ?? 'null');
}

/**
 * `10.5.52.0/24`, without host bits.
 * @throws TartanError `STORE_FAILED`
 */
export function decodeSubnet(value: unknown): Prefix {
  const subnet = typeof value === 'string' ? decodeSubnetKey(value.replace('/', '-')) : null;
  if (subnet !== null) return subnet;
  throw unreadable(`Subnet ${quote(value)} is not a subnet such as "10.5.52.0/24"`);
}

function decodeRevision(value: unknown): number {
  if (Number.isSafeInteger(value) && Number(value) >= 0) return Number(value);
  throw unreadable(`a revision is ${quote(value)}, which is no whole number`);
}

/** All leases, as JSON without the cursor: the same text for all who ask. */
export function encodeSnapshot({ leases, rejected, revision }: Snapshot, nowMs: number): string {
  const body = {
    snapshot: leases.map((lease) => encodeLease(lease, nowMs)),
    rejected: rejected.map(encodeRejected),
    revision,
  };
  return JSON.stringify(body).slice(1, -1);
}

/**
 * Events, as JSON without the cursor. A key that has become none of a lease is `removed` for flannel, and has `rejected`
 * beside it.
 */
export function encodeEvents(
  events: readonly LeaseEvent[],
  revision: number,
  nowMs: number,
): string {
  const body = { events: events.map((event) => encodeEvent(event, nowMs)), revision };
  return JSON.stringify(body).slice(1, -1);
}

/** Puts the cursor behind what one of the two has made. */
export function withCursor(body: string, cursor: string): string {
  return `{${body},"cursor":${JSON.stringify(cursor)}}`;
}

function encodeEvent(event: LeaseEvent, nowMs: number): object {
  switch (event.type) {
    case 'put':
      return { type: 'added', lease: encodeLease(event.lease, nowMs) };
    case 'removed':
      return { type: 'removed', lease: { Subnet: formatPrefix(event.subnet) } };
    case 'rejected': {
      const { subnet } = event.rejected;
      const lease = { Subnet: subnet === null ? '0.0.0.0/0' : formatPrefix(subnet) };
      return { type: 'removed', lease, rejected: encodeRejected(event.rejected) };
    }
  }
}

function encodeRejected({ key, subnet, reason }: RejectedKey): object {
  return { key, subnet: subnet && formatPrefix(subnet), reason };
}

/** What a watch is answered. */
export interface WatchAnswer {
  /** null: nothing has happened until now. */
  readonly update: Exclude<StoreUpdate, { readonly type: 'unavailable' }> | null;
  /** What to ask for next. */
  readonly cursor: string;
}

/** @throws TartanError `STORE_FAILED` naming what is wrong */
export function decodeWatchAnswer(text: string, nowMs: number): WatchAnswer {
  const fields = objectOf(parseBody(text), 'the answer');
  const cursor = fields.get('cursor');
  if (typeof cursor !== 'string') throw unreadable(`its cursor is ${quote(cursor)}`);
  const revision = decodeRevision(fields.get('revision'));
  if (fields.has('snapshot')) {
    const leases = listOf(fields, 'snapshot').map((lease) => decodeLease(lease, nowMs));
    const rejected = listOf(fields, 'rejected').map(decodeRejected);
    return { update: { type: 'snapshot', snapshot: { leases, rejected, revision } }, cursor };
  }
  const events = listOf(fields, 'events').map((event) => decodeEvent(event, nowMs));
  return { update: events.length === 0 ? null : { type: 'events', events, revision }, cursor };
}

function decodeEvent(value: unknown, nowMs: number): LeaseEvent {
  const fields = objectOf(value, 'an event');
  if (fields.has('rejected')) {
    return { type: 'rejected', rejected: decodeRejected(fields.get('rejected')) };
  }
  const lease = fields.get('lease');
  switch (fields.get('type')) {
    case 'added':
      return { type: 'put', lease: decodeLease(lease, nowMs) };
    case 'removed':
      return { type: 'removed', subnet: decodeSubnet(objectOf(lease, 'a lease').get('subnet')) };
    default:
      throw unreadable(`an event's type is ${quote(fields.get('type'))}`);
  }
}

function decodeRejected(value: unknown): RejectedKey {
  const fields = objectOf(value, 'a rejected key');
  const [key, reason, subnet] = ['key', 'reason', 'subnet'].map((name) => fields.get(name));
  if (typeof key !== 'string' || typeof reason !== 'string') {
    throw unreadable(`a rejected key is ${quote(value)}`);
  }
  return { key, subnet: subnet === null ? null : decodeSubnet(subnet), reason };
}

/** @throws TartanError `STORE_FAILED` */
export function parseBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unreadable(`not JSON (${messageOf(cause)})`);
  }
}

function objectOf(value: unknown, what: string): JsonFields {
  const fields = fieldsOf(value);
  if (fields === null) throw unreadable(`${what} is ${quote(value)}, which is no object`);
  return fields;
}

function listOf(fields: JsonFields, name: string): readonly unknown[] {
  const value = fields.get(name);
  if (Array.isArray(value)) return value;
  throw unreadable(`its ${name} are ${quote(value)}, which is no list`);
}

function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? '(absent)';
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

function unreadable(reason: string): TartanError {
  return new TartanError(
    'STORE_FAILED',
    `what was sent cannot be read: ${reason}`,
    'docs/http.md has the bodies; check that both ends are tartan, of versions that fit.',
  );
}
