/** host-gw: a route to each peer's subnet via the peer itself, as flannel's; packets travel as they are. */
import { TartanError } from '../errors.ts';
import type { HostGwConfig, NetworkConfig } from '../lease/config.ts';
import type { Lease } from '../lease/lease.ts';
import { parseIpv4 } from '../net/ipv4.ts';
import { formatPrefix, type Prefix, prefixContains } from '../net/prefix.ts';
import { type Dataplane, NO_MAC } from '../plan/dataplane.ts';
import type { Backend, Decision, Node, Offer } from './contract.ts';
import { decideFastPath, type FastPath, noFastPath } from './fast_path.ts';
import { noHostBeside } from './no_host.ts';
import { numberSubnets } from './numbering.ts';
import { onLink } from './on_link.ts';
import { peerTableBy } from './peer_table.ts';
import { deviceWith, routesByUnderlay, warnOfRivals } from './underlay_routes.ts';

export const hostGw: Backend = {
  type: 'host-gw',
  dataplanes: ['bpf', 'kernel'],
  needsPrograms: (config) => optionsOf(config).fastPath,
  attributes,
  desired,
};

const NO_XDP = '--attach xdp does nothing for host-gw, which has no outer headers to take off';

function attributes(_config: NetworkConfig, node: Node): Offer {
  return {
    attributes: { publicIp: node.publicIp, publicIpv6: null, backendType: 'host-gw' },
    mtu: node.interface.mtu,
  };
}

function desired(
  config: NetworkConfig,
  node: Node,
  own: Lease,
  leases: readonly Lease[],
): Decision {
  const peers = leases.filter(({ attributes: { backendType } }) => backendType === 'host-gw');
  const { reachable, failures } = sortOut(peers, node, config.network);
  const routes = routesByUnderlay(reachable, node);
  const fast = chooseFastPath(config, node, own);
  return {
    mode: fast.isOn ? 'fastpath' : 'default',
    reached: routes.length,
    network: formatPrefix(config.network),
    links: [],
    addresses: [],
    routes,
    neighbors: [],
    fdb: [],
    filter: null,
    dataplane: fast.isOn ? programs(config, node, own, reachable, fast) : null,
    warnings: [
      ...fast.warnings,
      ...(fast.isOn && node.attach.xdp ? [NO_XDP] : []),
      ...warnOfRivals(routes, node),
    ],
    failures,
  };
}

/**
 * Without a common layer 2 there is no way to a peer; no route may take the host's own addresses or pods away; and outside
 * the network, a route could not be told from another network's.
 */
function sortOut(peers: readonly Lease[], node: Node, network: Prefix) {
  const isOnLink = onLink(node);
  const { name, address } = node.interface;
  const own = [address, node.publicIp].map(parseIpv4);
  const reachable: Lease[] = [];
  const failures: string[] = [];
  const whyNoHost = noHostBeside(node);
  for (const peer of peers) {
    const { publicIp } = peer.attributes;
    const subnet = formatPrefix(peer.subnet);
    const here = deviceWith(subnet, node);
    const noHost = whyNoHost(peer, parseIpv4(publicIp));
    if (here !== null) {
      failures.push(
        `left out ${subnet} of ${publicIp}: it is on this host's own ${here}; remove the address there if its pods are gone`,
      );
    } else if (own.some((number) => prefixContains(peer.subnet, number))) {
      failures.push(`left out ${subnet} of ${publicIp}: an address of this host lies in it`);
    } else if (!prefixContains(network, peer.subnet.address)) {
      failures.push(
        `left out ${subnet} of ${publicIp}: it lies outside the network ${formatPrefix(network)}`,
      );
    } else if (noHost !== null) {
      failures.push(noHost);
    } else if (!isOnLink(publicIp)) {
      failures.push(
        `left out ${subnet}: its host ${publicIp} is not on the layer 2 of ${name}, which host-gw needs`,
      );
    } else {
      reachable.push(peer);
    }
  }
  return { reachable, failures };
}

function chooseFastPath(config: NetworkConfig, node: Node, own: Lease): FastPath {
  const options = optionsOf(config);
  if (!options.fastPath || node.dataplane.kind === 'bpf') return decideFastPath(options, node, own);
  const { reason } = node.dataplane;
  return noFastPath(
    `Backend.FastPath is off on this host, which loads no programs${reason === null ? '' : `: ${reason}`}`,
  );
}

/** Only FastPath takes programs: the rest is the host's own forwarding. */
function programs(
  config: NetworkConfig,
  node: Node,
  own: Lease,
  peers: readonly Lease[],
  fast: FastPath,
): Dataplane {
  const { name: underlay, address: underlayAddress, mtu } = node.interface;
  return {
    object: 'host_gw',
    settings: {
      ...numberSubnets(config),
      ownSubnet: formatPrefix(own.subnet),
      ...{ vni: 0, port: 0, device: null, deviceMac: NO_MAC, far: null },
      underlay,
      underlayAddress,
      mtu,
      fastPath: true,
      conntrack: fast.conntrack,
      gbp: false,
    },
    attachments: [
      { program: 'host_gw_receive', device: underlay, hook: 'ingress', by: node.attach.by },
      ...fast.attachments,
    ],
    peers: peerTable(peers),
    endpoints: fast.endpoints,
  };
}

const peerTable = peerTableBy(({ subnet, attributes: { publicIp } }) => ({
  subnet: formatPrefix(subnet),
  publicIp,
  mac: NO_MAC,
  direct: true,
}));

function optionsOf({ backend }: NetworkConfig): HostGwConfig {
  if (backend.type === 'host-gw') return backend;
  throw new TartanError(
    'INTERNAL',
    `host-gw was asked to carry ${backend.type}`,
    'Please report it.',
  );
}
