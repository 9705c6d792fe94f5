/** flannel's udp: the inner IPv4 packet is the datagram. By eBPF, the overlay device is one end of a veth pair. */
import { TartanError } from '../errors.ts';
import { LEAST_IPV4_MTU, type NetworkConfig, type UdpConfig } from '../lease/config.ts';
import type { Lease } from '../lease/lease.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import { formatPrefix } from '../net/prefix.ts';
import { NO_MAC } from '../plan/dataplane.ts';
import { isOverlayDevice, type PairLink, relayDeviceName } from '../plan/links.ts';
import type { Backend, Decision, Node, Offer } from './contract.ts';
import { decideFastPath } from './fast_path.ts';
import { numberSubnets } from './numbering.ts';
import { type OverlayRoutes, planRoutes, routeInto } from './overlay_routes.ts';
import { peerTableBy } from './peer_table.ts';
import { fouPort, kernelMode } from './udp_kernel.ts';
import { userMode } from './udp_user.ts';

/** Outer IPv4 and UDP headers. */
const OVERHEAD = 28;

/** Of both ends of the pair, which nobody else sees: locally administered. */
const PAIR_MAC = '02:75:64:70:00:00';

export const udp: Backend = {
  type: 'udp',
  dataplanes: ['bpf', 'kernel', 'user'],
  fouPort: (config, node) => fouPort(optionsOf(config), node),
  needsPrograms: () => true,
  attributes,
  desired,
};

/** flannel leaves the type out. */
function attributes(_config: NetworkConfig, node: Node): Offer {
  return {
    attributes: { publicIp: node.publicIp, publicIpv6: null, backendType: '' },
    mtu: mtuOf(node),
  };
}

function desired(
  config: NetworkConfig,
  node: Node,
  own: Lease,
  leases: readonly Lease[],
): Decision {
  const options = optionsOf(config);
  const device = deviceOf(node);
  const overlay = planRoutes(config, node, own, leases.filter(isPeer));
  const common = {
    reached: overlay.reachable.length,
    network: formatPrefix(config.network),
    addresses: [{ device, address: `${formatIpv4(own.subnet.address)}/32` }],
    neighbors: [],
    fdb: [],
    filter: null,
  };
  const wish = { options, node, device, overlay, mtu: mtuOf(node) };
  switch (node.dataplane.kind) {
    case 'bpf':
      return { ...common, ...byPrograms({ config, options, node, own, device, overlay }) };
    case 'kernel':
      return { ...common, ...kernelMode(wish) };
    case 'user':
      return { ...common, ...userMode({ ...common, ...wish }) };
  }
}

interface Wish {
  readonly config: NetworkConfig;
  readonly options: UdpConfig;
  readonly node: Node;
  readonly own: Lease;
  readonly device: string;
  readonly overlay: OverlayRoutes;
}

function byPrograms({ config, options, node, own, device, overlay }: Wish) {
  const { prefixes, reachable, warnings } = overlay;
  const { name: underlay, address: underlayAddress } = node.interface;
  const fast = decideFastPath(options, node, own);
  const { by, xdp } = node.attach;
  const pair = pairOf(device, mtuOf(node));
  return {
    mode: fast.isOn ? 'fastpath' : 'default',
    links: [pair],
    routes: prefixes.map((prefix) => routeInto(device, prefix)),
    dataplane: {
      object: 'udp',
      settings: {
        ...numberSubnets(config),
        ownSubnet: formatPrefix(own.subnet),
        vni: 0,
        port: options.port,
        device,
        deviceMac: pair.mac,
        far: pair.far,
        underlay,
        underlayAddress,
        mtu: pair.mtu,
        fastPath: fast.isOn,
        conntrack: fast.conntrack,
        gbp: false,
      },
      attachments: [
        { program: 'udp_send', device, hook: 'egress', by },
        { program: 'udp_resend', device: pair.far, hook: 'ingress', by },
        ...(fast.isOn ? [{ program: 'udp_deliver', device, hook: 'ingress', by } as const] : []),
        { program: 'udp_receive', device: underlay, hook: 'ingress', by },
        ...fast.attachments,
      ],
      peers: peerTable(reachable),
      endpoints: fast.endpoints,
    },
    warnings: [...fast.warnings, ...(xdp ? [NO_XDP] : []), ...warnings],
  } satisfies Partial<Decision>;
}

const NO_XDP = 'udp has no program for --attach xdp: its programs are attached without it';

/** Of both ends, and what one of them is called. */
function pairOf(name: string, mtu: number): PairLink {
  return { name, kind: 'pair', far: `${name}.far`, mac: PAIR_MAC, mtu, tuned: true, up: true };
}

/** flannel's name for it, but for the devices of the host's other networks. One that somebody renamed is made anew. */
function deviceOf({ links }: Node): string {
  // One whose maker was killed before it had its name has not.
  const own = links.find(
    ({ kind, name }) => ['pair', 'tun', 'fou'].includes(kind) && isOverlayDevice(name),
  );
  if (own !== undefined) return own.name;
  const others = links.flatMap((link) =>
    link.kind === 'foreign' && link.network !== null ? [link.name] : [],
  );
  for (let number = 0; ; number += 1) {
    const name = relayDeviceName(number);
    if (!others.includes(name)) return name;
  }
}

function optionsOf({ backend }: NetworkConfig): UdpConfig {
  if (backend.type !== 'udp') {
    throw new TartanError(
      'INTERNAL',
      `udp was asked to carry ${backend.type}`,
      'Please report it.',
    );
  }
  return backend;
}

/** @throws TartanError `CONFIG_INVALID` */
function mtuOf({ interface: { name, mtu } }: Node): number {
  if (mtu - OVERHEAD >= LEAST_IPV4_MTU) return mtu - OVERHEAD;
  throw new TartanError(
    'CONFIG_INVALID',
    `an MTU of ${mtu} on ${name} is too small for udp`,
    'Raise the MTU of the interface, or name another with --iface.',
  );
}

/** Who publishes another backend's data is not reached by datagrams. */
function isPeer({ attributes: { backendType } }: Lease): boolean {
  return backendType === '' || backendType === 'udp';
}

const peerTable = peerTableBy(({ subnet, attributes: { publicIp } }) => ({
  subnet: formatPrefix(subnet),
  publicIp,
  mac: NO_MAC,
}));
