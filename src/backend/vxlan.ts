/** VXLAN by eBPF, on the wire as flannel's: RFC 7348, the device named after the VNI, one MAC a host. */
import { TartanError } from '../errors.ts';
import type { NetworkConfig, VxlanConfig } from '../lease/config.ts';
import type { Lease } from '../lease/lease.ts';
import { formatIpv4, parseIpv4 } from '../net/ipv4.ts';
import {
  coverRange,
  formatPrefix,
  lastAddress,
  type Prefix,
  prefixContains,
  prefixesEqual,
  prefixesOverlap,
  prefixOf,
  prefixSize,
} from '../net/prefix.ts';
import type { DesiredState, Peer, Route } from '../plan/state.ts';
import type { Backend, Node, Offer } from './contract.ts';

/** Outer IPv4, UDP and VXLAN headers and the inner Ethernet header. */
const OVERHEAD = 50;

/**
 * The next hop of every overlay route: an on-link gateway keeps the kernel from making a neigh entry for each remote
 * pod. Link-local, and never on any wire.
 */
const GATEWAY = '169.254.1.1';

/** The BPF peer array's limit; a network with more subnets keeps the rest in the trie. */
const MAX_ARRAY_PEERS = 65_536;

/** What an overlay that carries IPv4 must be able to carry (RFC 791), so that fragments can make any size. */
const MIN_MTU = 68;

export const vxlan: Backend = { type: 'vxlan', attributes, desired };

function attributes(
  config: NetworkConfig,
  node: Node,
  earlier: Lease | null,
  randomMac: () => string,
): Offer {
  const options = optionsOf(config);
  const device = node.links.find(({ name }) => name === deviceName(options));
  const vtepMac = device?.mac ?? earlier?.attributes.vxlan?.vtepMac ?? randomMac();
  return {
    attributes: {
      publicIp: node.publicIp,
      publicIpv6: null,
      backendType: 'vxlan',
      vxlan: { vni: options.vni, vtepMac },
    },
    mtu: mtuOf(options, node),
  };
}

function desired(
  config: NetworkConfig,
  node: Node,
  own: Lease,
  leases: readonly Lease[],
): DesiredState {
  const options = optionsOf(config);
  const device = deviceName(options);
  const mac = own.attributes.vxlan?.vtepMac ?? '';
  const peers = leases.filter((lease) => isPeer(lease, options));
  const routes = overlayRoutes(config, own, peers, device);
  requireUnderlayOutside(routes.prefixes, node, peers);
  return {
    links: [
      {
        name: device,
        kind: 'vxlan',
        mac,
        mtu: mtuOf(options, node),
        port: options.port,
        vni: options.vni,
        up: true,
      },
    ],
    addresses: [{ device, address: `${formatIpv4(own.subnet.address)}/32` }],
    routes: routes.routes,
    dataplane: {
      object: 'vxlan',
      settings: {
        network: formatPrefix(config.network),
        ownSubnet: formatPrefix(own.subnet),
        firstSubnet: formatPrefix(prefixOf(config.subnetMin, config.subnetLength)),
        subnetCount: arrayPeers(config),
        vni: options.vni,
        port: options.port,
        device,
        deviceMac: mac,
        underlay: node.interface.name,
        underlayAddress: node.interface.address,
      },
      attachments: [
        { program: 'vxlan_send', device, hook: 'egress' },
        { program: 'vxlan_check', device, hook: 'ingress' },
        { program: 'vxlan_receive', device: node.interface.name, hook: 'ingress' },
      ],
      peers: new Map(peers.map(toPeer).map((peer) => [peer.subnet, peer])),
    },
  };
}

function optionsOf({ backend }: NetworkConfig): VxlanConfig {
  if (backend.type === 'vxlan') return backend;
  throw new TartanError(
    'INTERNAL',
    `vxlan was asked to carry a ${backend.type} network`,
    'Please report it.',
  );
}

/** flannel's name: what looks for flannel's device finds ours. */
function deviceName({ vni }: VxlanConfig): string {
  return `flannel.${vni}`;
}

/** Backend.MTU, like flannel's, is the size of the outer packet; 0: the underlay's. */
function mtuOf({ mtu }: VxlanConfig, { interface: { name, mtu: most } }: Node): number {
  const outer = mtu === 0 ? most : mtu;
  if (outer <= most && outer - OVERHEAD >= MIN_MTU) return outer - OVERHEAD;
  throw new TartanError(
    'CONFIG_INVALID',
    outer > most
      ? `Backend.MTU ${mtu} is more than ${name} can carry (${most})`
      : `an MTU of ${outer} on ${name} is too small for vxlan`,
    'Lower Backend.MTU in the network config, or raise the MTU of the interface.',
  );
}

/** A lease of another backend or VNI is not reached through this tunnel; one without backend data is no vxlan node. */
function isPeer({ attributes: { vxlan: data } }: Lease, options: VxlanConfig): boolean {
  return data !== undefined && data.vni === options.vni;
}

function toPeer({ subnet, attributes: { publicIp, vxlan: data } }: Lease): Peer {
  return { subnet: formatPrefix(subnet), publicIp, mac: data?.vtepMac ?? '' };
}

function arrayPeers({ subnetMin, subnetMax, subnetLength }: NetworkConfig): number {
  return Math.min((subnetMax - subnetMin) / prefixSize(subnetLength) + 1, MAX_ARRAY_PEERS);
}

/**
 * The fewest prefixes that cover all that may be leased, and any lease outside of it. Never the own subnet by itself:
 * that route belongs to the pods' bridge.
 */
function overlayRoutes(config: NetworkConfig, own: Lease, peers: readonly Lease[], device: string) {
  const range = prefixOf(config.subnetMax, config.subnetLength);
  const cover = coverRange(config.subnetMin, lastAddress(range));
  const outside = peers
    .map(({ subnet }) => subnet)
    .filter((subnet) => !cover.some((prefix) => covers(prefix, subnet)));
  const prefixes = [...cover, ...outside].filter((prefix) => !prefixesEqual(prefix, own.subnet));
  const routes = prefixes.map(
    (prefix): Route => ({ destination: formatPrefix(prefix), via: GATEWAY, device, onlink: true }),
  );
  return { prefixes, routes };
}

function covers(prefix: Prefix, subnet: Prefix): boolean {
  return prefix.length <= subnet.length && prefixesOverlap(prefix, subnet);
}

/** The tunnel's outer packets would be routed into the tunnel. */
function requireUnderlayOutside(
  prefixes: readonly Prefix[],
  node: Node,
  peers: readonly Lease[],
): void {
  const inside = (address: string) =>
    prefixes.find((prefix) => prefixContains(prefix, parseIpv4(address)));
  const addresses = [
    { address: node.publicIp, whose: "this host's PublicIP" },
    { address: node.interface.address, whose: `the address of ${node.interface.name}` },
    ...peers.map(({ subnet, attributes: { publicIp } }) => ({
      address: publicIp,
      whose: `the PublicIP of ${formatPrefix(subnet)}`,
    })),
  ];
  for (const { address, whose } of addresses) {
    const prefix = inside(address);
    if (prefix === undefined) continue;
    throw new TartanError(
      'CONFIG_INVALID',
      `${whose}, ${address}, lies in the overlay itself (${formatPrefix(prefix)})`,
      'Choose a Network that does not overlap the addresses of the hosts.',
    );
  }
}
