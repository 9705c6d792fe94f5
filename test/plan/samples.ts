/** A host of a network 10.5.0.0/16, as it is to be and as it is. */
import type { Attachment, Dataplane, Peer, Settings } from '../../src/plan/dataplane.ts';
import { type Generation, generationName } from '../../src/plan/generations.ts';
import type { ClassicLink, VxlanLink } from '../../src/plan/links.ts';
import type { FdbEntry, Neighbor, Route } from '../../src/plan/routes.ts';
import type { DesiredState, ObservedState } from '../../src/plan/state.ts';

export const BUILD = '0123456789abcdef0123456789abcdef';

export const link: VxlanLink = {
  name: 'flannel.1',
  kind: 'vxlan',
  mac: '02:00:00:00:00:01',
  mtu: 1450,
  port: 8472,
  vni: 1,
  gbp: false,
  up: true,
};

/** The same in kernel mode. */
export const classicLink: ClassicLink = {
  name: 'flannel.1',
  kind: 'classic',
  mac: '02:00:00:00:00:01',
  mtu: 1450,
  port: 8472,
  vni: 1,
  underlay: 'eth0',
  underlayAddress: '192.168.64.2',
  gbp: false,
  up: true,
};

export const settings: Settings = {
  network: '10.5.0.0/16',
  ownSubnet: '10.5.52.0/24',
  firstSubnet: '10.5.1.0/24',
  subnetCount: 255,
  vni: 1,
  port: 8472,
  device: 'flannel.1',
  deviceMac: '02:00:00:00:00:01',
  far: null,
  underlay: 'eth0',
  underlayAddress: '192.168.64.2',
  mtu: 1450,
  fastPath: false,
  conntrack: false,
  gbp: false,
};

export const send: Attachment = {
  program: 'vxlan_send',
  device: 'flannel.1',
  hook: 'egress',
  by: 'tcx',
};
export const check: Attachment = {
  program: 'vxlan_check',
  device: 'flannel.1',
  hook: 'ingress',
  by: 'tcx',
};
export const receive: Attachment = {
  program: 'vxlan_receive',
  device: 'eth0',
  hook: 'ingress',
  by: 'tcx',
};

export function peer(number: number): Peer {
  const octet = number.toString(16).padStart(2, '0');
  return {
    subnet: `10.5.${number}.0/24`,
    publicIp: `192.168.64.${number}`,
    mac: `02:00:00:00:01:${octet}`,
  };
}

export function peersOf(...peers: Peer[]): Map<string, Peer> {
  return new Map(peers.map((one) => [one.subnet, one]));
}

export function route(destination: string): Route {
  return { destination, via: '169.254.1.1', device: 'flannel.1', onlink: true };
}

export const dataplane: Dataplane = {
  object: 'vxlan',
  settings,
  attachments: [send, check, receive],
  peers: peersOf(peer(7), peer(8)),
  endpoints: new Map(),
};

export const desired: DesiredState = {
  network: '10.5.0.0/16',
  links: [link],
  addresses: [{ device: 'flannel.1', address: '10.5.52.0/32' }],
  routes: [route('10.5.1.0/24'), route('10.5.2.0/23')],
  neighbors: [],
  fdb: [],
  filter: null,
  dataplane,
};

export function neighborOf({ subnet, mac }: Peer): Neighbor {
  return { device: 'flannel.1', address: subnet.replace('/24', ''), mac };
}

export function fdbEntryOf({ mac, publicIp }: Peer): FdbEntry {
  return { device: 'flannel.1', mac, publicIp };
}

export function peerRoute({ subnet }: Peer): Route {
  const via = subnet.replace('/24', '');
  return { destination: subnet, via, device: 'flannel.1', onlink: true };
}

/** A host in kernel mode. */
export function kernelMode(...peers: readonly Peer[]): DesiredState {
  return {
    network: desired.network,
    links: [classicLink],
    addresses: desired.addresses,
    routes: peers.map(peerRoute),
    neighbors: peers.map(neighborOf),
    fdb: peers.map(fdbEntryOf),
    filter: null,
    dataplane: null,
  };
}

export const GENERATION = generationName('vxlan', BUILD, settings);

export const generation: Generation = { settings, peers: dataplane.peers, endpoints: new Map() };

/** A host on which nothing of ours stands yet. */
export const bare: ObservedState = {
  links: [],
  addresses: [],
  routes: [],
  neighbors: [],
  fdb: [],
  filter: null,
  generations: new Map(),
  attachments: [],
  builds: { vxlan: BUILD },
};

/** A host that looks like {@link desired}. */
export const settled: ObservedState = {
  ...bare,
  links: [link],
  addresses: desired.addresses,
  routes: desired.routes,
  generations: new Map([[GENERATION, generation]]),
  attachments: dataplane.attachments.map((attachment) => ({
    ...attachment,
    generation: GENERATION,
  })),
};

/** The desired state with other settings or peers. */
export function withDataplane(change: Partial<Dataplane>): DesiredState {
  return { ...desired, dataplane: { ...dataplane, ...change } };
}
