/** Devices as iproute2 reports them, in the plan's words. */
import { type ClassicLink, isOverlayDevice, type ObservedLink } from '../plan/state.ts';
import type { HostInterface } from './contract.ts';
import { readJson } from './iproute.ts';

/** What is read of `ip -json -details addr show`. */
export interface IpInterface {
  readonly ifindex: number;
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly address?: string;
  readonly ifalias?: string;
  readonly master?: string;
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

/** The alias by which a device is ours: flanneld and people do not set it. */
export function aliasOf(network: string): string {
  return `tartan:${network}`;
}

/**
 * The group of kernel mode's devices. A device gets it as it is made, and its alias only afterwards: so what a process
 * that was killed in between has left is told from flanneld's.
 */
export const CLASSIC_GROUP = 116;

/** Devices with an overlay's name: ours, and what stands in their way. */
export async function observeLinks(
  network: string,
  links: readonly IpInterface[],
): Promise<ObservedLink[]> {
  const named = links.filter(({ ifname }) => isOverlayDevice(ifname));
  const vnis = named.some((link) => isOurs(network, link)) ? await readVnis() : new Map();
  return named.map((link) => toObserved(network, link, vnis.get(link.ifname) ?? null));
}

async function readVnis(): Promise<Map<string, number>> {
  const shown = await readJson<BridgeVnis>('bridge', 'vni', 'show');
  return new Map(
    shown.flatMap(({ ifname, vnis }) => vnis.slice(0, 1).map(({ vni }) => [ifname, vni])),
  );
}

/**
 * A device with a VNI filter is of our making. One without an alias has not got it yet: its maker was killed between
 * two steps.
 */
function isOurs(network: string, { linkinfo, ifalias }: IpInterface): boolean {
  const data = linkinfo?.info_data;
  const filtered =
    linkinfo?.info_kind === 'vxlan' && data?.external === true && data.vnifilter === true;
  return filtered && (ifalias === undefined || ifalias === aliasOf(network));
}

/** A device of kernel mode; as above, one without an alias has not got it yet. */
function toClassic(network: string, link: IpInterface): ClassicLink | null {
  const { ifname: name, address: mac = '', mtu, ifalias, group, flags, linkinfo } = link;
  const data = linkinfo?.info_data;
  if (linkinfo?.info_kind !== 'vxlan' || data?.external || data?.id === undefined) return null;
  const isOurs =
    ifalias === undefined ? group === `${CLASSIC_GROUP}` : ifalias === aliasOf(network);
  if (!isOurs) return null;
  const { id: vni, port = 0, link: underlay = '', local: underlayAddress = '', gbp = false } = data;
  const up = flags.includes('UP') && flags.includes('NOARP');
  return { name, kind: 'classic', mac, mtu, port, vni, underlay, underlayAddress, gbp, up };
}

function toObserved(network: string, link: IpInterface, vni: number | null): ObservedLink {
  const name = link.ifname;
  const mac = link.address ?? '';
  const data = link.linkinfo?.info_data;
  if (isOurs(network, link)) {
    // Without NOARP the device would ask for MACs that nobody answers for.
    const up = link.flags.includes('UP') && link.flags.includes('NOARP');
    const { port = 0, gbp = false } = data ?? {};
    return { name, kind: 'vxlan', mac, mtu: link.mtu, port, vni, gbp, up };
  }
  const own = toClassic(network, link);
  if (own) return own;
  const vxlan = link.linkinfo?.info_kind === 'vxlan';
  const others = link.ifalias?.startsWith(aliasOf('')) ?? false;
  const classic =
    vxlan && !others && !data?.external && data?.id !== undefined && data.port !== undefined
      ? { vni: data.id, port: data.port }
      : null;
  return { name, kind: 'foreign', detail: describe(link, classic), mac, classic };
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
