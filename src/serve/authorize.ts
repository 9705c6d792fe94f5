/** Who a client is, and what it may touch. */
import { TartanError } from '../errors.ts';

/** What shows that a lease is a client's own: the address it comes from, a name in its certificate, or nothing. */
export const AUTHORIZATIONS = ['address', 'certificate', 'none'] as const;
export type Authorization = (typeof AUTHORIZATIONS)[number];

export interface Policy {
  readonly by: Authorization;
  /** Addresses and certificate names of those who may touch everything. */
  readonly admins: readonly string[];
}

export interface Client {
  /** Where its connection comes from; an IPv4 address is dotted. */
  readonly address: string;
  /** The names in its certificate, which an authority of ours has signed; none without one. */
  readonly names: readonly string[];
}

/** An IPv4 client of a socket that takes both families has `::ffff:` in front. */
export function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
}

/** What Node tells of a peer's certificate. */
export interface PeerCertificate {
  readonly subject?: { readonly CN?: string | readonly string[] };
  readonly subjectaltname?: string;
}

/**
 * The common name, DNS names and addresses of a certificate. Node joins the alternative names by commas, and puts into
 * quotes what could be mistaken for several; where there is such a one, none of them counts.
 */
export function namesOf({ subject, subjectaltname = '' }: PeerCertificate): string[] {
  const common = subject?.CN ?? [];
  const alternatives = subjectaltname.includes('"') ? [] : subjectaltname.split(', ');
  const named = alternatives.flatMap((name) => /^(?:DNS|IP Address):(.+)$/.exec(name)?.[1] ?? []);
  return [...new Set([common, named].flat())];
}

/** Whether a client may write the config, reservations, and anybody's lease. */
export function isAdmin({ admins }: Policy, { address, names }: Client): boolean {
  return admins.some((admin) => admin === address || names.includes(admin));
}

/** Whether a lease with this PublicIP is the client's own. */
function isOwn({ by }: Policy, { address, names }: Client, publicIp: string): boolean {
  if (by === 'none') return true;
  return by === 'address' ? address === publicIp : names.includes(publicIp);
}

/** @throws TartanError `PERMISSION` unless the lease of this PublicIP is the client's own */
export function requireOwner(policy: Policy, client: Client, publicIp: string): void {
  if (isOwn(policy, client, publicIp) || isAdmin(policy, client)) return;
  if (policy.by === 'address') {
    throw new TartanError(
      'PERMISSION',
      `a lease of ${publicIp} cannot be written from ${client.address}`,
      `Ask from ${publicIp}; where that cannot be (NAT), let the server go by certificates: --authorize certificate.`,
    );
  }
  const shown = client.names.length === 0 ? 'no name' : client.names.join(', ');
  throw new TartanError(
    'PERMISSION',
    `a lease of ${publicIp} cannot be written with a certificate of ${shown}`,
    `Use a certificate that has ${publicIp} as its common name or among its alternative names.`,
  );
}

/** @throws TartanError `PERMISSION` unless the client may write what is nobody's own */
export function requireAdmin(policy: Policy, client: Client, what: string): void {
  if (isAdmin(policy, client)) return;
  const [name] = client.names;
  throw new TartanError(
    'PERMISSION',
    `${what} cannot be written by ${name === undefined ? client.address : `${name} at ${client.address}`}`,
    'Let the server take it from this client by --allow-admin, with its address or certificate name; or write it at the store.',
  );
}
