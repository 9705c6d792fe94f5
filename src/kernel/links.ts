/** Devices as iproute2 reports them, in the plan's words. */
import { createHash } from 'node:crypto';
import {
  type ClassicLink,
  type ForeignLink,
  type FouLink,
  isOverlayDevice,
  type ObservedLink,
  type PairLink,
  type TunLink,
  type VxlanLink,
  type VxlanSocket,
} from '../plan/links.ts';
import type { HostInterface } from './contract.ts';
import { isTunedFou } from './fou.ts';
import { readJson } from './iproute.ts';
import { FAR_MTU, isTuned } from './pair.ts';

/** What is read of `ip -json -details addr show`. */
export interface IpInterface {
  readonly ifindex: number;
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly address?: string;
  readonly ifalias?: string;
  readonly master?: string;
  /** The other end of a veth pair, where that is in the same namespace; what a tunnel sends by. */
  readonly link?: string;
  /** Of the namespace that the other end is in; absent: this one. */
  readonly link_netnsid?: number;
  readonly group?: string;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_data?: {
      readonly external?: boolean;
      readonly vnifilter?: boolean;
      readonly id?: number;
      readonly port?: number;
      /** The underlay's name. */
      readonly link?: string;
      readonly local?: string;
      readonly gbp?: boolean;
      /** `any`, of a tunnel without one. */
      readonly remote?: string;
      readonly encap?: { readonly type?: string; readonly dport?: number };
    };
  };
  readonly addr_info: readonly {
    readonly family: string;
    readonly local?: string;
    readonly prefixlen: number;
  }[];
}

/** `bridge -json vni show`. */
interface BridgeVnis {
  readonly ifname: string;
  readonly vnis: readonly { readonly vni: number }[];
}

export async function readIpInterfaces(): Promise<IpInterface[]> {
  return readJson<IpInterface>('ip', '-details', 'addr', 'show');
}

export function toHostInterface(link: IpInterface): HostInterface {
  return {
    name: link.ifname,
    index: link.ifindex,
    up: link.flags.includes('UP'),
    mtu: link.mtu,
    mac: link.address ?? '',
    kind: link.linkinfo?.info_kind ?? '',
    master: link.master ?? null,
    leadsElsewhere: link.link_netnsid !== undefined,
    addresses: ipv4Of(link).map(({ local, prefixlen }) => ({
      address: local,
      prefixLength: prefixlen,
    })),
  };
}

/** The IPv4 addresses of an interface. */
export function ipv4Of(link: IpInterface): { local: string; prefixlen: number }[] {
  return link.addr_info.flatMap(({ family, local, prefixlen }) =>
    family === 'inet' && local !== undefined ? [{ local, prefixlen }] : [],
  );
}

/** What an alias of ours begins with; behind it stands the network's name. */
const ALIAS = 'tartan:';

/** The alias by which a device is ours: flanneld and people do not set it. */
export function aliasOf(network: string): string {
  return `${ALIAS}${network}`;
}

/**
 * What a device is called until it has its alias: whoever is killed in between leaves something that is known to be this
 * network's, and no other network of the host takes for its own. No more than the kernel's 15 characters.
 */
export function unfinishedName(network: string): string {
  return `tartan-${createHash('sha256').update(network).digest('hex').slice(0, 8)}`;
}

/** Devices of ours, whatever they are called, and what may stand in their way: an overlay's name, or a vxlan socket. */
export async function observeLinks(
  network: string,
  links: readonly IpInterface[],
): Promise<ObservedLink[]> {
  const seen = links.filter(
    (link) =>
      isVxlan(link) ||
      isOverlayDevice(link.ifname) ||
      ipipAddressOf(link) !== undefined ||
      isOurs(network, link),
  );
  const filtered = seen.some((link) => isOurs(network, link) && isFiltered(link));
  const vnis = filtered ? await readVnis() : new Map();
  return seen.map((link) => {
    if (!isOurs(network, link)) return toForeign(link);
    if (isKind(link, 'veth')) return toPair(link, links);
    if (isKind(link, 'tun')) return toTun(link);
    if (isKind(link, 'ipip')) return toFou(link);
    return isFiltered(link) ? toVxlan(link, vnis.get(link.ifname) ?? null) : toClassic(link);
  });
}

async function readVnis(): Promise<Map<string, number>> {
  const shown = await readJson<BridgeVnis>('bridge', 'vni', 'show');
  return new Map(
    shown.flatMap(({ ifname, vnis }) => vnis.slice(0, 1).map(({ vni }) => [ifname, vni])),
  );
}

function isVxlan(link: IpInterface): boolean {
  return isKind(link, 'vxlan');
}

function isKind({ linkinfo }: IpInterface, kind: string): boolean {
  return linkinfo?.info_kind === kind;
}

function isFiltered({ linkinfo }: IpInterface): boolean {
  return linkinfo?.info_data?.external === true && linkinfo.info_data.vnifilter === true;
}

/** A device of a kind that we make, with our alias, or one whose maker was killed before it had that. */
function isOurs(network: string, link: IpInterface): boolean {
  const data = link.linkinfo?.info_data;
  const isClassic = !data?.external && data?.id !== undefined;
  const isVxlanOfOurs = isVxlan(link) && (isFiltered(link) || isClassic);
  if (!isVxlanOfOurs && !['veth', 'tun', 'ipip'].some((kind) => isKind(link, kind))) return false;
  return link.ifalias === aliasOf(network) || link.ifname === unfinishedName(network);
}

function toVxlan(link: IpInterface, vni: number | null): VxlanLink {
  const { port = 0, gbp = false } = link.linkinfo?.info_data ?? {};
  const { ifname: name, address: mac = '', mtu } = link;
  return { name, kind: 'vxlan', mac, mtu, port, vni, gbp, up: isReady(link) };
}

function toClassic(link: IpInterface): ClassicLink {
  const { ifname: name, address: mac = '', mtu, linkinfo } = link;
  const { id, port = 0, link: underlay, local, gbp = false } = linkinfo?.info_data ?? {};
  return {
    ...{ name, kind: 'classic', mac, mtu, port, vni: id ?? 0 },
    ...{ underlay: underlay ?? '', underlayAddress: local ?? '', gbp, up: isReady(link) },
  };
}

function toPair(link: IpInterface, links: readonly IpInterface[]): PairLink {
  const { ifname: name, address: mac = '', mtu, link: far = '' } = link;
  const other = links.find(({ ifname }) => ifname === far);
  const up = isReady(link) && other !== undefined && isReady(other);
  const tuned = other?.mtu === FAR_MTU && isTuned(name, far);
  return { name, kind: 'pair', far, mac, mtu, tuned, up };
}

function toTun(link: IpInterface): TunLink {
  return { name: link.ifname, kind: 'tun', mtu: link.mtu, up: isReady(link) };
}

/** One without FOU has port 0, which nobody wants. */
function toFou(link: IpInterface): FouLink {
  const { ifname: name, mtu, link: underlay = '', linkinfo } = link;
  const { local: underlayAddress = '', encap } = linkinfo?.info_data ?? {};
  const port = encap?.type === 'fou' ? (encap.dport ?? 0) : 0;
  const tuned = isTunedFou(name);
  return { name, kind: 'fou', mtu, port, underlay, underlayAddress, tuned, up: isReady(link) };
}

/** Of an IP-in-IP device that is for no one host: the address that it takes packets at. */
function ipipAddressOf(link: IpInterface): string | undefined {
  const { local, remote = 'any', external = false } = link.linkinfo?.info_data ?? {};
  const isOne = isKind(link, 'ipip') && remote === 'any' && !external;
  return isOne && local !== 'any' ? local : undefined;
}

/** Without NOARP the device would ask for MACs that nobody answers for. */
function isReady({ flags }: IpInterface): boolean {
  return flags.includes('UP') && flags.includes('NOARP');
}

function toForeign(link: IpInterface): ForeignLink {
  const { ifalias, linkinfo } = link;
  const data = isVxlan(link) ? linkinfo?.info_data : undefined;
  const network = ifalias?.startsWith(ALIAS) ? ifalias.slice(ALIAS.length) : null;
  const classic =
    data && network === null && !data.external && data.id !== undefined && data.port !== undefined
      ? { vni: data.id, port: data.port }
      : null;
  const ipipAddress = ipipAddressOf(link);
  return {
    name: link.ifname,
    kind: 'foreign',
    detail: describe(link, classic),
    mac: link.address ?? '',
    classic,
    network,
    socket: socketOf(link),
    ...(ipipAddress !== undefined && { ipipAddress }),
  };
}

/** iproute2's names of what must be alike where devices share a port. */
const SOCKET_FLAGS = ['external', 'vnifilter', 'gbp', 'gpe', 'udp_zero_csum6_rx', 'remcsum_rx'];

function socketOf(link: IpInterface): VxlanSocket | null {
  const data = link.linkinfo?.info_data;
  if (!isVxlan(link) || data?.port === undefined || !link.flags.includes('UP')) return null;
  const isSet = new Map(Object.entries(data));
  return { port: data.port, mode: SOCKET_FLAGS.filter((flag) => isSet.get(flag) === true) };
}

function describe(
  { linkinfo, ifalias }: IpInterface,
  classic: { vni: number; port: number } | null,
): string {
  if (classic) return `vxlan id ${classic.vni} dstport ${classic.port}`;
  if (ifalias !== undefined)
    return `${linkinfo?.info_kind ?? 'a device'} with the alias "${ifalias}"`;
  return linkinfo?.info_kind ?? 'a physical device';
}
