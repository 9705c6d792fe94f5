/** What a host was, where its state was lost: what stands in the kernel tells, and subnet.env. */
import type { HostReader } from '../kernel/contract.ts';
import { parseSubnetEnv } from '../lease/subnet_env.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import { formatPrefix, type Prefix, parsePrefix, prefixesOverlap } from '../net/prefix.ts';
import { NO_MAC } from '../plan/dataplane.ts';
import type { ObservedState } from '../plan/state.ts';
import { readIfPresent } from './atomic_file.ts';
import type { HostState } from './state_file.ts';

/** What is known of the host's part; `store` is null where only the kernel tells. */
export type FormerMember = Pick<HostState, 'subnet' | 'publicIp' | 'vtepMac' | 'subnetFile'> & {
  readonly store: string | null;
  /** The overlay, `10.5.0.0/16`. */
  readonly network?: string;
} & Pick<HostState, 'before' | 'left'>;

/** Behind NAT, the PublicIP is known nowhere: the lease is left to expire. */
export async function recollect(
  observed: ObservedState,
  subnetFile: string,
  host: HostReader,
): Promise<FormerMember | null> {
  const generations = [...observed.generations.values()];
  const settings = generations.find((generation) => generation.settings)?.settings;
  if (settings != null) {
    return {
      network: settings.network,
      subnet: settings.ownSubnet,
      publicIp: settings.underlayAddress,
      vtepMac: settings.deviceMac === NO_MAC ? null : settings.deviceMac,
      store: null,
      subnetFile,
    };
  }
  const written = parseSubnetEnv((await readIfPresent(subnetFile)) ?? '');
  if (written.subnet === null || written.network === null) return null;
  const [subnet, network] = [written.subnet, written.network].map(formatPrefix) as [string, string];
  const found =
    recollectKernelMode(observed, formatIpv4(written.subnet.address)) ??
    (await recollectRoutes(observed, written.network, host));
  return found && { ...found, network, subnet, store: null, subnetFile };
}

type Found = Pick<FormerMember, 'publicIp' | 'vtepMac'>;

/** A device of kernel mode knows the subnet's address, but not its length, which subnet.env does. */
function recollectKernelMode({ links, addresses }: ObservedState, own: string): Found | null {
  const link = links.find((one) => one.kind === 'classic' || one.kind === 'fou');
  const address = addresses.find(({ device }) => device === link?.name)?.address;
  if (link === undefined || address !== `${own}/32`) return null;
  return { publicIp: link.underlayAddress, vtepMac: link.kind === 'fou' ? null : link.mac };
}

/**
 * host-gw has nothing but routes, which are ours by their protocol; subnet.env says in which network. Without any, that
 * may be another daemon's file.
 */
async function recollectRoutes(
  { routes }: ObservedState,
  network: Prefix,
  host: HostReader,
): Promise<Found | null> {
  const route = routes.find(
    ({ destination, onlink }) => !onlink && prefixesOverlap(network, parsePrefix(destination)),
  );
  if (route === undefined) return null;
  const underlay = (await host.readInterfaces()).find(({ name }) => name === route.device);
  const [own] = underlay?.addresses ?? [];
  return { publicIp: own?.address ?? '', vtepMac: null };
}
