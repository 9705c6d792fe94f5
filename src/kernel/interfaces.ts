/** The network devices of the host with their IPv4 addresses. */
import { formatIpv4 } from '../net/ipv4.ts';
import { formatMac } from '../net/mac.ts';
import { readAddressRecords } from '../sys/rtnetlink/addresses.ts';
import { type LinkRecord, readLinkRecords } from '../sys/rtnetlink/links.ts';
import type { HostInterface } from './contract.ts';

/** A device: as the kernel tells of it, and what takes the others to say. */
export interface Interface extends LinkRecord {
  /** Empty: it has none, or a link-layer address of another kind. */
  readonly mac: string;
  /** Name of the bridge or bond that it is a port of. */
  readonly masterName: string | null;
  /** Name of the other end of a veth pair, or of what a tunnel sends by; empty: none, or in another namespace. */
  readonly linkName: string;
  /** In the kernel's order. */
  readonly addresses: HostInterface['addresses'];
}

const MAC_BYTES = 6;

/** Those of this process's network namespace. */
export function readInterfaces(): Interface[] {
  const links = readLinkRecords();
  const names = new Map(links.map(({ index, name }) => [index, name]));
  const byIndex = Map.groupBy(readAddressRecords(), ({ index }) => index);
  return links.map((link) => ({
    ...link,
    mac: link.address.length === MAC_BYTES ? formatMac(link.address) : '',
    masterName: (link.master !== undefined && names.get(link.master)) || null,
    linkName: (link.link !== undefined && !link.linksElsewhere && names.get(link.link)) || '',
    addresses: (byIndex.get(link.index) ?? []).map(({ address, prefixLength }) => ({
      address: formatIpv4(address),
      prefixLength,
    })),
  }));
}

export function toHostInterface(link: Interface): HostInterface {
  const { name, index, up, mtu, mac, kind, addresses } = link;
  return {
    ...{ name, index, up, mtu, mac, kind, addresses },
    master: link.masterName,
    leadsElsewhere: link.linksElsewhere,
  };
}
