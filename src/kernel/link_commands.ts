/** What iproute2 is told to make of devices. */
import { existsSync } from 'node:fs';
import type { ClassicLink, Link, VxlanLink } from '../plan/links.ts';
import type { LinkChange } from '../plan/op.ts';
import { formatFou } from './fou.ts';
import { aliasOf, unfinishedName } from './links.ts';
import { FAR_MTU } from './pair.ts';

/** There where the kernel has IPv6, and it is not switched off at boot. */
const IPV6 = '/proc/net/if_inet6';

/** Lines for `ip -batch` that make a device: under a name that tells that it is not finished until it is. */
export function addLink(network: string, link: Link): string[] {
  const unfinished = unfinishedName(network);
  const finish = (mtu: number) => [
    `link set ${unfinished} alias ${aliasOf(network)}`,
    // No IPv6 address of its own: its neighbour discovery would find nobody. A device has no IPv6 at all on a host
    // without it, and with an MTU below IPv6's least: so that comes after.
    ...withoutIpv6(unfinished),
    `link set ${unfinished} mtu ${mtu} name ${link.name}`,
  ];
  switch (link.kind) {
    case 'pair': {
      const { far, mac, mtu } = link;
      return [
        `link add ${unfinished} address ${mac} type veth peer name ${far} address ${mac}`,
        ...withoutIpv6(far),
        `link set ${far} mtu ${FAR_MTU} arp off up`,
        ...finish(mtu),
      ];
    }
    case 'tun':
      return [`tuntap add dev ${unfinished} mode tun`, ...finish(link.mtu)];
    case 'fou':
      return [`link add ${unfinished} type ${formatFou(link)}`, ...finish(link.mtu)];
    default:
      return [
        `link add ${unfinished} address ${link.mac} type vxlan ${formatTunnel(link)}`,
        ...finish(link.mtu),
      ];
  }
}

function withoutIpv6(device: string): string[] {
  return existsSync(IPV6) ? [`link set ${device} addrgenmode none`] : [];
}

function formatTunnel(link: VxlanLink | ClassicLink): string {
  const group = link.gbp ? ' gbp' : '';
  if (link.kind === 'vxlan') return `external vnifilter nolearning dstport ${link.port}${group}`;
  const { vni, underlay, underlayAddress, port } = link;
  return `id ${vni} dev ${underlay} local ${underlayAddress} dstport ${port} nolearning noudpcsum${group}`;
}

/** Lines for `ip -batch` that change one. */
export function setLink(change: { readonly name: string } & LinkChange): string[] {
  const { name, up, mtu, mac, far, tuned } = change;
  const state = up === undefined ? '' : up ? ' up arp off' : ' down';
  const changes = [mac && ` address ${mac}`, mtu && ` mtu ${mtu}`, state].join('');
  const farChanges = [tuned && ` mtu ${FAR_MTU}`, state].join('');
  return [
    ...(far === undefined || farChanges === '' ? [] : [`link set ${far}${farChanges}`]),
    ...(changes === '' ? [] : [`link set ${name}${changes}`]),
  ];
}
