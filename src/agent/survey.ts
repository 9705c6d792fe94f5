import type { Backend, DataplaneChoice, Node, Offer } from '../backend/contract.ts';
import { TartanError } from '../errors.ts';
import type { HostReader, NftWish } from '../kernel/contract.ts';
import { type NetworkConfig, parseConfig } from '../lease/config.ts';
import type { Lease } from '../lease/lease.ts';
import type { FormerSelf, Remembered } from '../lease/ownership.ts';
import { parseSubnetEnv } from '../lease/subnet_env.ts';
import { randomMac } from '../net/mac.ts';
import { formatPrefix, type Prefix, parsePrefix } from '../net/prefix.ts';
import type { LeaseStore } from '../store/contract.ts';
import type { LeaseRequest } from './acquire.ts';
import { readIfPresent } from './atomic_file.ts';
import { chooseAttach } from './attach_choice.ts';
import { requireKernelMode } from './carrier.ts';
import type { Converger } from './converge.ts';
import { fallBackOf } from './dataplane.ts';
import { surveyEndpointsOrWarn } from './endpoints.ts';
import { surveyNetfilter } from './netfilter.ts';
import { overlaysApart, overlaysOfOthers, requireApart, requireOwnPort } from './other_networks.ts';
import { type HostState, type Identification, readState, statePath } from './state_file.ts';
import { findUnderlay } from './underlay.ts';
import type { MemberSettings, Policy, World } from './world.ts';

/** The network and this host, as they are found before anything is decided. */
export interface Survey {
  readonly config: NetworkConfig;
  readonly backend: Backend;
  readonly node: Node;
  /** The overlay of the last join, where that was another. */
  readonly formerNetwork?: string;
  readonly policy: Policy;
  /** The overlays that are to be kept apart from this one. */
  readonly others: readonly Prefix[];
}

/** Reads the config, then the host. Changes nothing. */
export async function survey(
  world: World,
  settings: MemberSettings,
  converger: Converger,
  dataplane: DataplaneChoice,
): Promise<Survey> {
  const config = await requireConfig(world.store);
  await requireApart(settings, config.network);
  const backend = world.backendFor(config.backend.type);
  // Where nobody asked for it, it is what the backend has in the programs' place.
  const chosen =
    dataplane.reason === null ? dataplane : { ...dataplane, kind: fallBackOf(backend) };
  requireDataplane(backend, config, chosen);
  const former = (await readStateOrNull(settings))?.network;
  const isOther = former !== undefined && former !== formatPrefix(config.network);
  const node = await surveyNode(world, settings, converger, chosen, config);
  await requireOwnPort(settings, config.backend, node.interface.name);
  await requireNft(world, settings, converger);
  return requireKernelMode(world.kernel, converger, {
    config,
    backend,
    ...(isOther && { formerNetwork: former }),
    node,
    policy: settings.policy,
    others: await surveyOthers(world, settings, config),
  });
}

/**
 * Reads the host.
 * @param earlier what was found before
 */
export async function surveyNode(
  world: World,
  settings: MemberSettings,
  converger: Converger,
  dataplane: DataplaneChoice,
  config: NetworkConfig,
  earlier: Node | null = null,
): Promise<Node> {
  const present = earlier?.interface.name ?? null;
  const underlay = await findUnderlay(world.host, settings.underlay, present);
  const { links } = await converger.observe();
  return {
    ...underlay,
    links,
    dataplane,
    routes: await surveyRoutes(world.host, config),
    attach: await surveyAttach(world, settings, dataplane, underlay.interface.name),
    endpoints: await surveyEndpointsOrWarn(world, settings),
    netfilter: await surveyNetfilter(world.host, config, settings, earlier?.netfilter ?? null),
  };
}

/** The overlays that this network is to be kept apart from. */
export async function surveyOthers(
  { host }: World,
  settings: MemberSettings,
  { network }: NetworkConfig,
): Promise<Prefix[]> {
  if (!settings.policy.apart) return [];
  const now = await overlaysOfOthers(settings);
  const earlier = (await readStateOrNull(settings))?.apart ?? [];
  return overlaysApart(network, now, earlier.map(parsePrefix), await host.readInterfaces());
}

/** In kernel mode nothing is attached, and the kernel may not be asked. */
async function surveyAttach(
  { kernel }: World,
  { attach }: MemberSettings,
  { kind }: DataplaneChoice,
  underlay: string,
): Promise<Node['attach']> {
  if (kind !== 'bpf') return { by: 'clsact', xdp: false };
  const ways = await kernel.readAttachWays(attach.by === 'xdp' ? underlay : null);
  return chooseAttach(attach, ways, underlay);
}

/** @throws TartanError `USAGE`, or the refusal of the choice */
function requireDataplane(
  { type, dataplanes, needsPrograms }: Backend,
  config: NetworkConfig,
  { kind, refusal }: DataplaneChoice,
): void {
  if (refusal !== undefined && needsPrograms(config)) throw refusal;
  if (dataplanes.includes(kind)) return;
  throw new TartanError(
    'USAGE',
    `the backend ${type} has no --dataplane ${kind}`,
    `Leave --dataplane out, or give one of: ${dataplanes.join(', ')}.`,
  );
}

/** What stands already has been possible. @throws TartanError `MISSING` */
async function requireNft(
  { kernel }: World,
  { policy }: MemberSettings,
  converger: Converger,
): Promise<void> {
  const wishes: NftWish[] = [];
  if (policy.masquerades) wishes.push('masquerade');
  if (policy.apart) wishes.push('apart');
  if (wishes.length === 0 || (await converger.observe()).filter !== null) return;
  for (const wish of wishes) {
    const obstacle = await kernel.probeNft(wish);
    if (obstacle !== null) throw obstacle;
  }
}

async function surveyRoutes(host: HostReader, { backend }: NetworkConfig): Promise<Node['routes']> {
  const isDirect =
    backend.type === 'host-gw' || (backend.type === 'vxlan' && backend.directRouting);
  return isDirect ? host.readRoutes() : null;
}

/** @throws TartanError `CONFIG_MISSING`, `CONFIG_INVALID` */
export async function requireConfig(store: LeaseStore): Promise<NetworkConfig> {
  const stored = await store.readConfig();
  if (stored !== null) return parseConfig(stored.text);
  throw new TartanError(
    'CONFIG_MISSING',
    `${store.description} holds no network config`,
    'Write one with `tartan init-config`, or name the right store.',
  );
}

/** What this node would publish, and the MTU of its pods. */
export function offerOf({ backend, config, node }: Survey, earlier: Lease | null): Offer {
  return backend.attributes(config, node, earlier, randomMac);
}

/** What `acquireLease` is to be asked for. */
export async function leaseRequest(
  world: World,
  settings: MemberSettings,
  found: Survey,
): Promise<LeaseRequest> {
  const state = await readStateOrNull(settings);
  return {
    store: world.store,
    config: found.config,
    publicIp: found.node.publicIp,
    // A random one, where there is no device: it is nobody's.
    vtepMac: offerOf(found, null).attributes.vxlan?.vtepMac ?? null,
    remembered: rememberedOf(state),
    isFirst: state === null,
    previousSubnet: await readPreviousSubnet(settings.subnetFile),
    renewMarginSeconds: settings.renewMarginSeconds,
    offer: (earlier) => offerOf(found, earlier).attributes,
    clocks: world,
  };
}

/** Without a VTEP there is nothing to know the node by once its PublicIP is another. */
function rememberedOf(state: HostState | null): Remembered | null {
  const self = state && selfOf(state);
  if (state === null || self === null) return null;
  if (state.before === undefined) return { self };
  return { self, before: state.before.map(selfOf).filter((one) => one !== null) };
}

function selfOf({ subnet, publicIp, vtepMac }: Identification): FormerSelf | null {
  return vtepMac === null ? null : { subnet: parsePrefix(subnet), publicIp, vtepMac };
}

/** A damaged one has been warned of. */
async function readStateOrNull({ stateDir, network }: MemberSettings): Promise<HostState | null> {
  return readState(statePath(stateDir, network)).catch(() => null);
}

async function readPreviousSubnet(subnetFile: string): Promise<Prefix | null> {
  const text = await readIfPresent(subnetFile);
  return text === null ? null : parseSubnetEnv(text).subnet;
}
