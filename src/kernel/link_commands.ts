/** Devices are made and changed: by iproute2, but for what not every version of it knows. */
import { existsSync } from 'node:fs';
import { parseMac } from '../net/mac.ts';
import type { ClassicLink, Link } from '../plan/links.ts';
import type { LinkChange } from '../plan/op.ts';
import { createFilteredVxlan } from '../sys/rtnetlink/vxlan.ts';
import { formatFou } from './fou.ts';
import { runBatch } from './iproute.ts';
import { aliasOf, unfinishedName } from './links.ts';
import { FAR_MTU } from './pair.ts';

/** There where the kernel has IPv6, and it is not switched off at boot. */
const IPV6 = '/proc/net/if_inet6';

/** Makes a device: under a name that tells that it is not finished until it is. */
export async function addLink(network: string, link: Link): Promise<void> {
  if (link.kind === 'vxlan') {
    const { mac, port, gbp } = link;
    createFilteredVxlan({ name: unfinishedName(network), mac: parseMac(mac), port, gbp });
  }
  await runBatch('ip', linesFor(network, link));
}

function linesFor(network: string, link: Link): string[] {
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
    case 'classic':
      return [
        `link add ${unfinished} address ${link.mac} type vxlan ${formatTunnel(link)}`,
        ...finish(link.mtu),
      ];
    case 'vxlan':
      return finish(link.mtu);
  }
}

function withoutIpv6(device: string): string[] {
  return existsSync(IPV6) ? [`link set ${device} addrgenmode none`] : [];
}

function formatTunnel({ vni, underlay, underlayAddress, port, gbp }: ClassicLink): string {
  const group = gbp ? ' gbp' : '';
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
