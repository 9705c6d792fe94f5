/** What networks of one host must not have in common. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TartanError } from '../errors.ts';
import type { HostInterface } from '../kernel/contract.ts';
import { type BackendConfig, tunnelPort } from '../lease/config.ts';
import { parseIpv4 } from '../net/ipv4.ts';
import {
  formatPrefix,
  type Prefix,
  parsePrefix,
  prefixContains,
  prefixesOverlap,
} from '../net/prefix.ts';
import { type HostState, readState, statePath } from './state_file.ts';
import type { Places } from './world.ts';

/**
 * Refuses a subnet file that another network of this host writes, and an overlay that takes addresses of another's.
 * @throws TartanError `FILE`, `CONFIG_INVALID` naming the other network
 */
export async function requireApart(
  { stateDir, network, subnetFile }: Places,
  overlay: Prefix,
): Promise<void> {
  for (const [name, state] of await readOthers(stateDir, network)) {
    if (state.subnetFile === subnetFile) {
      throw new TartanError(
        'FILE',
        `${subnetFile} is the subnet file of this host's network "${name}"`,
        'Give each network a file of its own with --subnet-file.',
      );
    }
    const other = parsePrefix(state.network ?? state.subnet);
    if (prefixesOverlap(other, overlay)) {
      throw new TartanError(
        'CONFIG_INVALID',
        `the network ${formatPrefix(overlay)} overlaps ${formatPrefix(other)} of this host's network "${name}"`,
        'Choose a Network that no other network of the host has, or name the right store or --etcd-prefix.',
      );
    }
  }
}

/**
 * Refuses a UDP port on which another network of this host takes packets in on the same interface. What comes to a port
 * of udp's says of no network: only vxlan's networks share one, told apart by their VNIs.
 * @throws TartanError `CONFIG_INVALID` naming the port and the other network
 */
export async function requireOwnPort(
  { stateDir, network }: Pick<Places, 'stateDir' | 'network'>,
  backend: BackendConfig,
  underlay: string,
): Promise<void> {
  const port = tunnelPort(backend);
  if (port === null) return;
  for (const [name, other] of await readOthers(stateDir, network)) {
    if (other.port !== port || other.interface !== underlay) continue;
    if (other.backend === 'vxlan' && backend.type === 'vxlan') continue;
    throw new TartanError(
      'CONFIG_INVALID',
      `UDP port ${port} is taken on ${underlay}: this host's network "${name}" (${other.backend}) has it`,
      'Give each network of a host a Backend.Port of its own in its network config.',
    );
  }
}

/** The overlays of the host's other networks, in order. */
export async function overlaysOfOthers({
  stateDir,
  network,
}: Pick<Places, 'stateDir' | 'network'>): Promise<Prefix[]> {
  const others = await readOthers(stateDir, network);
  return others
    .map(([, state]) => parsePrefix(state.network ?? state.subnet))
    .sort((a, b) => a.address - b.address);
}

/**
 * The overlays to keep apart from: those of the host's other networks now, and of those that it had while it still has an
 * address in them, as the pods of a network that has gone run on.
 */
export function overlaysApart(
  own: Prefix,
  now: readonly Prefix[],
  earlier: readonly Prefix[],
  interfaces: readonly HostInterface[],
): Prefix[] {
  const addresses = interfaces.flatMap((one) => one.addresses.map(({ address }) => address));
  const lingers = (overlay: Prefix) =>
    ![own, ...now].some((other) => prefixesOverlap(other, overlay)) &&
    addresses.some((address) => prefixContains(overlay, parseIpv4(address)));
  return [...now, ...earlier.filter(lingers)].sort((a, b) => a.address - b.address);
}

/**
 * The host's networks that a process which has several has joined: their subnet files are in its folder, and their stores
 * lie where it looks for networks.
 * @param isInStore whether the store of this description has this network's leases there
 */
export async function networksIn(
  stateDir: string,
  subnetDir: string,
  isInStore: (store: string, network: string) => boolean,
): Promise<string[]> {
  const all = await readOthers(stateDir, null);
  return all
    .filter(([name, { subnetFile }]) => subnetFile === subnetFileIn(subnetDir, name))
    .filter(([name, { store }]) => isInStore(store, name))
    .map(([name]) => name);
}

/** The subnet file of one of several networks, as flannel calls it. */
export function subnetFileIn(subnetDir: string, network: string): string {
  return join(subnetDir, `${network}.env`);
}

/** The states of the host's other networks; one that cannot be read says nothing. */
async function readOthers(
  stateDir: string,
  network: string | null,
): Promise<[string, HostState][]> {
  const names = await readdir(stateDir).catch(() => []);
  const others: [string, HostState][] = [];
  for (const name of names.filter((other) => other !== network)) {
    const state = await readState(statePath(stateDir, name)).catch(() => null);
    if (state !== null) others.push([name, state]);
  }
  return others;
}
