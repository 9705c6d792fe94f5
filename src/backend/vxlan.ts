/** VXLAN by eBPF, on the wire as flannel's: RFC 7348, the device named after the VNI, one MAC a host. */
import { TartanError } from '../errors.ts';
import {
  LEAST_IPV4_MTU,
  type NetworkConfig,
  VXLAN_OVERHEAD,
  type VxlanConfig,
} from '../lease/config.ts';
import type { Lease } from '../lease/lease.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import { formatPrefix, prefixContains } from '../net/prefix.ts';
import type { Peer } from '../plan/dataplane.ts';
import { overlayDeviceName } from '../plan/links.ts';
import type { Backend, Decision, Node, Offer } from './contract.ts';
import { decideFastPath } from './fast_path.ts';
import { numberSubnets } from './numbering.ts';
import { onLink } from './on_link.ts';
import { planRoutes, routeInto } from './overlay_routes.ts';
import { peerTableBy } from './peer_table.ts';
import { deviceWith, routesByUnderlay, warnOfRivals } from './underlay_routes.ts';
import { kernelMode } from './vxlan_kernel.ts';

/** Takes the outer headers off before GRO sees the packet. */
const STRIP = 'vxlan_strip';

export const vxlan: Backend = {
  type: 'vxlan',
  dataplanes: ['bpf', 'kernel'],
  needsPrograms: () => true,
  attributes,
  desired,
};

function attributes(
  config: NetworkConfig,
  node: Node,
  earlier: Lease | null,
  randomMac: () => string,
): Offer {
  const options = optionsOf(config);
  const device = node.links.find(({ name }) => name === overlayDeviceName(options.vni));
  const deviceMac = device !== undefined && 'mac' in device ? device.mac : null;
  const vtepMac = deviceMac ?? earlier?.attributes.vxlan?.vtepMac ?? randomMac();
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
): Decision {
  const options = optionsOf(config);
  const device = overlayDeviceName(options.vni);
  const deviceMac = own.attributes.vxlan?.vtepMac ?? '';
  const { prefixes, reachable, warnings } = planRoutes(
    config,
    node,
    own,
    leases.filter((lease) => isPeer(lease, options)),
  );
  const direct = findDirect(config, options, node, reachable);
  const directRoutes = routesByUnderlay([...direct.values()], node);
  const found = [...warnings, ...warnOfRivals(directRoutes, node)];
  const { name: underlay, address: underlayAddress } = node.interface;
  const { vni, port, gbp } = options;
  const mtu = mtuOf(options, node);
  if (node.dataplane.kind === 'kernel') {
    return kernelMode({
      network: formatPrefix(config.network),
      options,
      node,
      own,
      leases: reachable.filter(({ subnet }) => !direct.has(formatPrefix(subnet))),
      directRoutes,
      mtu,
      warnings: found,
    });
  }
  const fast = decideFastPath(options, node, own);
  const { by, xdp } = node.attach;
  return {
    mode: fast.isOn ? 'fastpath' : 'default',
    reached: reachable.length,
    network: formatPrefix(config.network),
    links: [
      {
        name: device,
        kind: 'vxlan',
        mac: deviceMac,
        mtu,
        port,
        vni,
        gbp,
        up: true,
      },
    ],
    addresses: [{ device, address: `${formatIpv4(own.subnet.address)}/32` }],
    routes: [
      ...prefixes
        .map((prefix) => routeInto(device, prefix))
        .filter(({ destination }) => !direct.has(destination)),
      ...directRoutes,
    ],
    neighbors: [],
    fdb: [],
    filter: null,
    dataplane: {
      object: 'vxlan',
      settings: {
        ...numberSubnets(config),
        ownSubnet: formatPrefix(own.subnet),
        vni,
        port,
        device,
        deviceMac,
        far: null,
        underlay,
        underlayAddress,
        mtu,
        fastPath: fast.isOn,
        conntrack: fast.conntrack,
        gbp,
      },
      attachments: [
        { program: 'vxlan_send', device, hook: 'egress', by },
        { program: 'vxlan_check', device, hook: 'ingress', by },
        { program: 'vxlan_receive', device: underlay, hook: 'ingress', by },
        ...fast.attachments,
        // Last: what it has stripped, only a vxlan_receive that knows of it can take.
        ...(xdp ? [{ program: STRIP, device: underlay, hook: 'ingress', by: 'xdp' } as const] : []),
      ],
      peers: new Map([...peerTable(reachable), ...directPeerTable([...direct.values()])]),
      endpoints: fast.endpoints,
    },
    warnings: [...fast.warnings, ...found],
  };
}

/**
 * DirectRouting: the peers whose hosts are on the underlay's own layer 2, by subnet. Outside the network, a route by the
 * underlay could not be told from another network's.
 */
function findDirect(
  { network }: NetworkConfig,
  { directRouting }: VxlanConfig,
  node: Node,
  peers: readonly Lease[],
): ReadonlyMap<string, Lease> {
  if (!directRouting) return new Map();
  const isOnLink = onLink(node);
  const direct = peers.filter(
    ({ subnet, attributes: { publicIp } }) =>
      prefixContains(network, subnet.address) &&
      isOnLink(publicIp) &&
      deviceWith(formatPrefix(subnet), node) === null,
  );
  return new Map(direct.map((lease) => [formatPrefix(lease.subnet), lease]));
}

function optionsOf({ backend }: NetworkConfig): VxlanConfig {
  if (backend.type !== 'vxlan') {
    throw new TartanError(
      'INTERNAL',
      `vxlan was asked to carry ${backend.type}`,
      'Please report it.',
    );
  }
  return backend;
}

/** Backend.MTU, like flannel's, is the size of the outer packet; 0: the underlay's. */
function mtuOf({ mtu }: VxlanConfig, { interface: { name, mtu: most } }: Node): number {
  const outer = mtu === 0 ? most : mtu;
  if (outer <= most && outer - VXLAN_OVERHEAD >= LEAST_IPV4_MTU) return outer - VXLAN_OVERHEAD;
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

const peerTable = peerTableBy(toPeer);
const directPeerTable = peerTableBy((lease) => ({ ...toPeer(lease), direct: true }));

function toPeer({ subnet, attributes: { publicIp, vxlan: data } }: Lease): Peer {
  return { subnet: formatPrefix(subnet), publicIp, mac: data?.vtepMac ?? '' };
}
