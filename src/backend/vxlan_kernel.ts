/** Kernel mode: VXLAN as flanneld sets it up, for hosts where the programs cannot be loaded. */
import type { VxlanConfig } from '../lease/config.ts';
import type { Lease } from '../lease/lease.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import { formatPrefix } from '../net/prefix.ts';
import { overlayDeviceName } from '../plan/links.ts';
import type { FdbEntry, Neighbor, Route } from '../plan/routes.ts';
import type { DataplaneChoice, Decision, Node } from './contract.ts';

export interface KernelModeWish {
  /** The overlay. */
  readonly network: string;
  readonly options: VxlanConfig;
  readonly node: Node;
  readonly own: Lease;
  /** The peers that the tunnel is for, all of them vxlan nodes. */
  readonly leases: readonly Lease[];
  /** To those that need none. */
  readonly directRoutes: readonly Route[];
  readonly mtu: number;
  /** What has been found wrong already. */
  readonly warnings: readonly string[];
}

export const NO_FAST_PATH =
  'Backend.FastPath is off on this host: in kernel mode there are no programs to serve endpoints';

/**
 * A classic device and, for each peer, flannel's three entries: a route to the subnet via the subnet's first address, a
 * neigh entry from there to the VTEP's MAC, and an FDB entry from the MAC to the host.
 */
export function kernelMode({ network, options, node, own, ...wish }: KernelModeWish): Decision {
  const { vni, port, gbp } = options;
  const device = overlayDeviceName(vni);
  const { name: underlay, address: underlayAddress } = node.interface;
  const mac = own.attributes.vxlan?.vtepMac ?? '';
  const { peers, warnings } = distinctPeers(wish.leases, mac);
  return {
    mode: 'kernel',
    reached: peers.length + wish.directRoutes.length,
    network,
    links: [
      {
        ...{ name: device, kind: 'classic', mac, mtu: wish.mtu, port, vni },
        ...{ underlay, underlayAddress, gbp, up: true },
      },
    ],
    addresses: [{ device, address: `${formatIpv4(own.subnet.address)}/32` }],
    routes: [
      ...peers.map(({ subnet, vtep }): Route => {
        return { destination: subnet, via: vtep, device, onlink: true };
      }),
      ...wish.directRoutes,
    ],
    neighbors: peers.map(({ vtep, mac }): Neighbor => ({ device, address: vtep, mac })),
    fdb: peers.map(({ mac, publicIp }): FdbEntry => ({ device, mac, publicIp })),
    filter: null,
    dataplane: null,
    warnings: [
      ...warnOfKernelMode(node.dataplane),
      ...wish.warnings,
      ...(options.fastPath ? [NO_FAST_PATH] : []),
      ...warnings,
    ],
  };
}

/** Where nobody asked for it. */
export function warnOfKernelMode({ reason }: DataplaneChoice): string[] {
  return reason === null ? [] : [`kernel mode, without source check and counters: ${reason}`];
}

interface KernelPeer {
  readonly subnet: string;
  /** The subnet's first address, which is the peer's own in the overlay. */
  readonly vtep: string;
  readonly mac: string;
  readonly publicIp: string;
}

/**
 * The tables have one place an address and one a MAC: of two peers that want the same, the one with the lower subnet
 * gets it, whatever the order in which they are listed.
 */
function distinctPeers(leases: readonly Lease[], ownMac: string) {
  const peers: KernelPeer[] = [];
  const warnings: string[] = [];
  const takenBy = new Map([[ownMac, 'this host']]);
  const ordered = leases.toSorted(
    (a, b) => a.subnet.address - b.subnet.address || a.subnet.length - b.subnet.length,
  );
  for (const { subnet: prefix, attributes } of ordered) {
    const subnet = formatPrefix(prefix);
    const vtep = formatIpv4(prefix.address);
    const mac = attributes.vxlan?.vtepMac ?? '';
    const clash = [mac, vtep].find((place) => takenBy.has(place));
    if (clash !== undefined) {
      warnings.push(
        `left out ${subnet}: in kernel mode it cannot share ${clash} with ${takenBy.get(clash)}`,
      );
      continue;
    }
    takenBy.set(mac, subnet).set(vtep, subnet);
    peers.push({ subnet, vtep, mac, publicIp: attributes.publicIp });
  }
  return { peers, warnings };
}
