import { TartanError } from '../errors.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import {
  formatPrefix,
  lastAddress,
  type Prefix,
  prefixContains,
  prefixesEqual,
  prefixesOverlap,
  prefixSize,
} from '../net/prefix.ts';
import { claimedSubnet } from './codec.ts';
import type { NetworkConfig } from './config.ts';
import type { Lease, RejectedKey } from './lease.ts';
import { mayTakeOver, type Newcomer } from './ownership.ts';

/** How many free subnets flannel collects before it picks one of them. */
export const CANDIDATE_WINDOW = 100;

/** The longest subnet with a network address, a broadcast address and two hosts. */
export const LONGEST_SUBNET = 30;

export interface AllocationInput extends Newcomer {
  readonly config: NetworkConfig;
  readonly leases: readonly Lease[];
  readonly rejected: readonly RejectedKey[];
  /** The subnet of an earlier life, from subnet.env. */
  readonly previousSubnet: Prefix | null;
  /** The pick is among this many free subnets; widened after a lost race, so that fewer nodes pick the same. */
  readonly window?: number;
  /** A random whole number from 0 to below `limit`. */
  readonly random?: (limit: number) => number;
}

/**
 * What a joining node is to do. Leases in `remove` are its own of an earlier config: they go first, and where one
 * cannot be removed somebody else has written it since, so that everything is to be listed and decided again.
 */
export type Allocation = { readonly remove: readonly Lease[] } & (
  | { readonly kind: 'keep'; readonly lease: Lease }
  | { readonly kind: 'create'; readonly subnet: Prefix }
);

/**
 * Decides which subnet a joining node gets: a lease of its own that fits the config; else the previous subnet if
 * it is free and fits; else a random one of the first free ones.
 * @throws TartanError `OUT_OF_SUBNETS`
 */
export function allocate(input: AllocationInput): Allocation {
  const { config, leases, previousSubnet } = input;
  const own = leases.filter((lease) => mayTakeOver(lease, input));
  const remove = own.filter((lease) => !leaseFits(config, lease));
  const fitting = own.filter((lease) => leaseFits(config, lease));

  const lease = fitting.toSorted(byPreference(previousSubnet))[0];
  if (lease !== undefined) return { kind: 'keep', lease, remove };

  const taken = takenSubnets(input, new Set(remove));
  if (previousSubnet !== null && subnetFits(config, previousSubnet)) {
    const free = !taken.some((subnet) => prefixesOverlap(subnet, previousSubnet));
    if (free) return { kind: 'create', subnet: previousSubnet, remove };
  }
  return { kind: 'create', subnet: pickSubnet(input, taken), remove };
}

/** Whether the config would hand this subnet out. */
export function subnetFits(config: NetworkConfig, subnet: Prefix): boolean {
  return (
    subnet.length === config.subnetLength &&
    subnet.address >= config.subnetMin &&
    subnet.address <= config.subnetMax
  );
}

/**
 * Whether a node may keep its lease under this config. A reservation was made by hand, and its owner keeps it for ever:
 * it need only lie inside the network, also outside SubnetMin…SubnetMax (where flannel lets it be made, to keep it
 * apart from what is handed out) and in another length.
 */
export function leaseFits(
  config: NetworkConfig,
  lease: Pick<Lease, 'subnet' | 'expiresAt'>,
): boolean {
  if (subnetFits(config, lease.subnet)) return true;
  if (lease.expiresAt !== 'never') return false;
  return (
    prefixContains(config.network, lease.subnet.address) &&
    lease.subnet.length > config.network.length &&
    lease.subnet.length <= LONGEST_SUBNET
  );
}

/** Reservations first, then the subnet that pods have addresses of already, then the lowest. */
function byPreference(previousSubnet: Prefix | null): (a: Lease, b: Lease) => number {
  const rank = ({ subnet, expiresAt }: Lease) => {
    if (expiresAt === 'never') return 0;
    return previousSubnet !== null && prefixesEqual(subnet, previousSubnet) ? 1 : 2;
  };
  return (a, b) => rank(a) - rank(b) || a.subnet.address - b.subnet.address;
}

function takenSubnets({ leases, rejected }: AllocationInput, remove: Set<Lease>): Prefix[] {
  const leased = leases.filter((lease) => !remove.has(lease)).map(({ subnet }) => subnet);
  const claimed = rejected.map(({ key, subnet }) => subnet ?? claimedSubnet(key));
  return [...leased, ...claimed.filter((subnet) => subnet !== null)];
}

function pickSubnet(input: AllocationInput, taken: readonly Prefix[]): Prefix {
  const { config, window = CANDIDATE_WINDOW, random = randomBelow } = input;
  const free = freeSubnets(config, taken, window);
  if (free.length === 0) throw outOfSubnets(config, taken);
  const address = free[random(free.length)];
  if (address === undefined) {
    throw new RangeError(`the random source picked none of ${free.length} candidates`);
  }
  return { family: 'ipv4', address, length: config.subnetLength };
}

/**
 * Addresses of the first free subnets. Goes through the taken ones in order, so that the cost is theirs and not that of
 * the network's size: a /8 in /30s has four million subnets.
 */
function freeSubnets(config: NetworkConfig, taken: readonly Prefix[], limit: number): number[] {
  const size = prefixSize(config.subnetLength);
  const ordered = taken.toSorted((a, b) => a.address - b.address);
  const free: number[] = [];
  let next = config.subnetMin;
  const takeUpTo = (end: number) => {
    for (; next + size <= end && free.length < limit; next += size) free.push(next);
  };
  for (const subnet of ordered) {
    if (free.length === limit) return free;
    takeUpTo(Math.min(subnet.address, config.subnetMax + size));
    if (lastAddress(subnet) < next) continue;
    next = Math.ceil((lastAddress(subnet) + 1) / size) * size;
  }
  takeUpTo(config.subnetMax + size);
  return free;
}

function outOfSubnets(config: NetworkConfig, taken: readonly Prefix[]): TartanError {
  const { network, subnetLength, subnetMin, subnetMax } = config;
  const total = (subnetMax - subnetMin) / prefixSize(subnetLength) + 1;
  const last = subnetMax + prefixSize(subnetLength) - 1;
  const inUse = taken.filter(
    (subnet) => lastAddress(subnet) >= subnetMin && subnet.address <= last,
  ).length;
  return new TartanError(
    'OUT_OF_SUBNETS',
    `out of subnets: of the ${total} from ${formatIpv4(subnetMin)} to ${formatIpv4(subnetMax)} in ` +
      `${formatPrefix(network)} none is free, ${inUse} in use`,
    'Wait for a lease to expire, tear down a node that is no longer needed, or configure a larger network.',
  );
}

function randomBelow(limit: number): number {
  return Math.floor(Math.random() * limit);
}
