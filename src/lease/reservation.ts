/** Reservations: subnets that are kept for a node for ever, as a subnet key without TTL (flannel's own way). */
import { TartanError } from '../errors.ts';
import { formatIpv4, parseIpv4 } from '../net/ipv4.ts';
import {
  formatPrefix,
  type Prefix,
  prefixContains,
  prefixesEqual,
  prefixesOverlap,
} from '../net/prefix.ts';
import { LONGEST_SUBNET, leaseFits } from './allocate.ts';
import { claimedSubnet } from './codec.ts';
import type { NetworkConfig } from './config.ts';
import type { Lease, LeaseAttributes, RejectedKey } from './lease.ts';

export interface ReservationRequest {
  readonly config: NetworkConfig;
  readonly leases: readonly Lease[];
  readonly rejected: readonly RejectedKey[];
  readonly subnet: Prefix;
  /** Whose it is to be; null: of whoever holds the subnet now. */
  readonly publicIp: string | null;
}

/** What is to be done to reserve a subnet. */
export type ReservationPlan =
  | { readonly kind: 'create'; readonly publicIp: string }
  /** The node has the lease already: it keeps what it published. */
  | { readonly kind: 'convert'; readonly lease: Lease }
  | { readonly kind: 'keep'; readonly lease: Lease };

/**
 * Decides what to do to reserve a subnet.
 * @throws TartanError `USAGE` for a subnet that the network cannot have or a PublicIP within it, `LEASE_TAKEN` naming
 * who has it, `LEASE_MISSING` if it is to be reserved for its holder and has none
 */
export function planReservation(request: ReservationRequest): ReservationPlan {
  const { config, leases, subnet, publicIp } = request;
  requireReservable(config, subnet);
  if (publicIp !== null) requireOutside(config, publicIp);
  const holder = leases.find((lease) => prefixesEqual(lease.subnet, subnet));
  if (holder === undefined) {
    requireFree(request);
    if (publicIp === null) throw nobodyHolds(subnet);
    return { kind: 'create', publicIp };
  }
  if (publicIp !== null && holder.attributes.publicIp !== publicIp) throw taken(subnet, holder);
  return { kind: holder.expiresAt === 'never' ? 'keep' : 'convert', lease: holder };
}

/** The value of a reservation that no node has taken up yet: `{"PublicIP":"192.168.64.3","PublicIPv6":null}`. */
export function bareAttributes(publicIp: string): LeaseAttributes {
  return { publicIp, publicIpv6: null, backendType: '' };
}

/** Backends whose nodes publish their type; those of the others (udp, alloc, cloud) publish a PublicIP alone. */
const TELLING_BACKENDS: ReadonlySet<string> = new Set([
  'vxlan',
  'host-gw',
  'ipip',
  'ipsec',
  'wireguard',
]);

/**
 * Whether a node may be using a reservation. Where its value cannot tell, it may.
 * @param config null if it is not known
 */
export function mayBeInUse({ attributes }: Lease, config: NetworkConfig | null): boolean {
  if (attributes.backendType !== '' || config === null) return true;
  return !TELLING_BACKENDS.has(config.backend.type);
}

/** The lease or rejected key that shares addresses with a subnet but is not its own key; null if there is none. */
function findOverlap({
  leases,
  rejected,
  subnet,
}: Pick<ReservationRequest, 'leases' | 'rejected' | 'subnet'>): Lease | RejectedKey | null {
  const lease = leases.find(
    (other) => prefixesOverlap(other.subnet, subnet) && !prefixesEqual(other.subnet, subnet),
  );
  if (lease !== undefined) return lease;
  const claims = (other: RejectedKey) => {
    const claimed = other.subnet ?? claimedSubnet(other.key);
    return claimed !== null && prefixesOverlap(claimed, subnet);
  };
  return rejected.find(claims) ?? null;
}

/** @throws TartanError `LEASE_TAKEN` */
export function requireFree(
  request: Pick<ReservationRequest, 'leases' | 'rejected' | 'subnet'>,
): void {
  const overlap = findOverlap(request);
  if (overlap === null) return;
  const subnet = formatPrefix(request.subnet);
  if ('attributes' in overlap) {
    throw new TartanError(
      'LEASE_TAKEN',
      `${subnet} overlaps ${formatPrefix(overlap.subnet)}, ${holdOf(overlap)}`,
      'Choose another subnet; `tartan lease list` shows all that are taken.',
    );
  }
  throw new TartanError(
    'LEASE_TAKEN',
    `${subnet} is claimed by the key ${JSON.stringify(overlap.key)}, which is no lease: ${overlap.reason}`,
    'Choose another subnet, or find out who wrote that key and remove it.',
  );
}

/** `the lease of 192.168.64.3`, `the reservation of 192.168.64.3` */
export function holdOf({ attributes, expiresAt }: Lease): string {
  return `the ${expiresAt === 'never' ? 'reservation' : 'lease'} of ${attributes.publicIp}`;
}

function requireReservable(config: NetworkConfig, subnet: Prefix): void {
  if (leaseFits(config, { subnet, expiresAt: 'never' })) return;
  const { network } = config;
  const name = formatPrefix(subnet);
  const first = network.length + 1;
  if (subnet.length < first || subnet.length > LONGEST_SUBNET) {
    throw new TartanError(
      'USAGE',
      `${name} cannot be reserved in the network ${formatPrefix(network)}: its length is ${subnet.length}`,
      `Give a length from ${first} to ${LONGEST_SUBNET}; hosts get /${config.subnetLength} by themselves.`,
    );
  }
  throw new TartanError(
    'USAGE',
    `${name} is not in the network ${formatPrefix(network)}`,
    `Give a subnet of the network, such as ${formatIpv4(config.subnetMin)}/${config.subnetLength}.`,
  );
}

/** A pod's address is easily given in the place of its host's. */
function requireOutside({ network }: NetworkConfig, publicIp: string): void {
  if (!prefixContains(network, parseIpv4(publicIp))) return;
  throw new TartanError(
    'USAGE',
    `no host can have the PublicIP ${publicIp}: it lies in the overlay, ${formatPrefix(network)}`,
    'Give the address by which the other hosts reach this one, on the underlay.',
  );
}

function nobodyHolds(subnet: Prefix): TartanError {
  const name = formatPrefix(subnet);
  return new TartanError(
    'LEASE_MISSING',
    `nobody has ${name}`,
    `Say for whom it is to be reserved: tartan lease reserve ${name} <public-ip>.`,
  );
}

function taken(subnet: Prefix, holder: Lease): TartanError {
  const name = formatPrefix(subnet);
  const isReservation = holder.expiresAt === 'never';
  return new TartanError(
    'LEASE_TAKEN',
    `${name} is ${holdOf(holder)}`,
    isReservation
      ? `Release it first (tartan lease release ${name}), or choose another subnet.`
      : 'Choose another subnet, or tear that host down first; if it is gone for good: ' +
          `tartan lease release --force ${name}.`,
  );
}
