/** Devices as the kernel tells of them, in the plan's words. */
import { createHash } from 'node:crypto';
import { formatIpv4 } from '../net/ipv4.ts';
import {
  type ClassicLink,
  type ForeignLink,
  type FouLink,
  isOverlayDevice,
  type ObservedLink,
  type PairLink,
  type TunLink,
  type VxlanLink,
} from '../plan/links.ts';
import { ipipDataOf } from '../sys/rtnetlink/ipip.ts';
import { readFirstVnis } from '../sys/rtnetlink/vnis.ts';
import { type VxlanData, vxlanDataOf } from '../sys/rtnetlink/vxlan.ts';
import { isTunedFou } from './fou.ts';
import type { Interface } from './interfaces.ts';
import { FAR_MTU, isTuned } from './pair.ts';

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

/** Whether it may be that of some network. */
export function isUnfinishedName(name: string): boolean {
  return /^tartan-[0-9a-f]{8}$/.test(name);
}

/** Devices of ours, whatever they are called, and what may stand in their way: an overlay's name, or a vxlan socket. */
export function observeLinks(network: string, links: readonly Interface[]): ObservedLink[] {
  const seen = links.filter(
    (link) =>
      link.kind === 'vxlan' ||
      isOverlayDevice(link.name) ||
      ipipAddressOf(link) !== undefined ||
      isOurs(network, link),
  );
  const filtered = seen.some((link) => isOurs(network, link) && isFiltered(vxlanDataOf(link)));
  const vnis = filtered ? readFirstVnis() : new Map<number, number>();
  return seen.map((link) => {
    if (!isOurs(network, link)) return toForeign(link);
    if (link.kind === 'veth') return toPair(link, links);
    if (link.kind === 'tun') return toTun(link);
    const data = vxlanDataOf(link);
    if (data === undefined) return toFou(link);
    return isFiltered(data)
      ? toVxlan(link, data, vnis.get(link.index) ?? null)
      : toClassic(link, data, links);
  });
}

function isFiltered(data: VxlanData | undefined): boolean {
  return data?.external === true && data.vnifilter;
}

/** A device of a kind that we make, with our alias, or one whose maker was killed before it had that. */
function isOurs(network: string, link: Interface): boolean {
  const data = vxlanDataOf(link);
  const isVxlanOfOurs = data !== undefined && (isFiltered(data) || !data.external);
  if (!isVxlanOfOurs && !['veth', 'tun', 'ipip'].includes(link.kind)) return false;
  return link.alias === aliasOf(network) || link.name === unfinishedName(network);
}

function toVxlan(link: Interface, { port, gbp }: VxlanData, vni: number | null): VxlanLink {
  const { name, mac, mtu } = link;
  return { name, kind: 'vxlan', mac, mtu, port, vni, gbp, up: isReady(link) };
}

function toClassic(link: Interface, data: VxlanData, links: readonly Interface[]): ClassicLink {
  const { name, mac, mtu } = link;
  const { id: vni, port, gbp } = data;
  const underlay = links.find(({ index }) => index === data.underlay)?.name ?? '';
  const underlayAddress = formatLocal(data.local);
  return {
    ...{ name, kind: 'classic', mac, mtu, port, vni },
    ...{ underlay, underlayAddress, gbp, up: isReady(link) },
  };
}

function toPair(link: Interface, links: readonly Interface[]): PairLink {
  const { name, mac, mtu, linkName: far } = link;
  const other = links.find((one) => one.name === far);
  const up = isReady(link) && other !== undefined && isReady(other);
  const tuned = other?.mtu === FAR_MTU && isTuned(name, far);
  return { name, kind: 'pair', far, mac, mtu, tuned, up };
}

function toTun(link: Interface): TunLink {
  return { name: link.name, kind: 'tun', mtu: link.mtu, up: isReady(link) };
}

/** One without FOU has port 0, which nobody wants. */
function toFou(link: Interface): FouLink {
  const { name, mtu, linkName: underlay } = link;
  const { local = null, fouPort: port = 0 } = ipipDataOf(link) ?? {};
  const underlayAddress = formatLocal(local);
  const tuned = isTunedFou(name);
  return { name, kind: 'fou', mtu, port, underlay, underlayAddress, tuned, up: isReady(link) };
}

/** Of an IP-in-IP device that is for no one host: the address that it takes packets at. */
function ipipAddressOf(link: Interface): string | undefined {
  const data = ipipDataOf(link);
  return (data?.forAnyHost && formatLocal(data.local)) || undefined;
}

function formatLocal(local: number | null): string {
  return local === null ? '' : formatIpv4(local);
}

/** Without NOARP the device would ask for MACs that nobody answers for. */
function isReady({ up, noArp }: Interface): boolean {
  return up && noArp;
}

function toForeign(link: Interface): ForeignLink {
  const { name, alias, mac } = link;
  const data = vxlanDataOf(link);
  const network = alias?.startsWith(ALIAS) ? alias.slice(ALIAS.length) : null;
  const classic =
    data && network === null && !data.external ? { vni: data.id, port: data.port } : null;
  const ipipAddress = ipipAddressOf(link);
  return {
    ...{ name, kind: 'foreign', mac, classic, network },
    detail: describe(link, classic),
    socket: data && link.up ? { port: data.port, mode: data.socketFlags } : null,
    ...(ipipAddress !== undefined && { ipipAddress }),
  };
}

function describe(
  { kind, alias }: Interface,
  classic: { vni: number; port: number } | null,
): string {
  if (classic) return `vxlan id ${classic.vni} dstport ${classic.port}`;
  if (alias !== undefined) return `${kind || 'a device'} with the alias "${alias}"`;
  return kind || 'a physical device';
}
