/** What a lab's underlay consists of, as plain data: nothing here touches the machine. */

import { type FullLabOptions, hostName } from './options.ts';

/** One end of a cable (a veth pair). */
export interface End {
  readonly node: string;
  readonly device: string;
  /** With the prefix length: `192.168.77.10/24`. */
  readonly address?: string;
  /** The bridge that this end is a port of. */
  readonly bridge?: string;
}

export interface Cable {
  readonly mtu: number;
  readonly ends: readonly [End, End];
}

export interface Node {
  readonly name: string;
  readonly forwards: boolean;
  readonly bridge?: { readonly name: string; readonly address: string };
  /** On the loopback interface: reached from all sides alike. */
  readonly loopbackAddress?: string;
  readonly routes: readonly { readonly destination: string; readonly via: string }[];
}

/** A host as its neighbours see it. */
export interface HostPlan {
  readonly name: string;
  /** Underlay address without the prefix length. */
  readonly address: string;
  /** The router in front of it; `null` where hosts see each other directly. */
  readonly router: string | null;
}

export interface Topology {
  readonly nodes: readonly Node[];
  readonly cables: readonly Cable[];
  readonly hosts: readonly HostPlan[];
  /** Where a server for all hosts (etcd) runs, and the address under which all reach it. */
  readonly service: { readonly node: string; readonly address: string };
}

/** The underlay interface of every host. */
export const UNDERLAY_DEVICE = 'eth0';

export function planTopology(options: FullLabOptions): Topology {
  if (options.underlay === 'pair') return planPair(options.mtu);
  return options.underlay === 'flat' ? planFlat(options) : planRouted(options);
}

function planPair(mtu: number): Topology {
  const hosts = ['a', 'b'].map((name, index) => ({
    name,
    address: `192.168.77.${10 + index}`,
    router: null,
  }));
  const [a, b] = hosts.map((host) => ({
    node: host.name,
    device: UNDERLAY_DEVICE,
    address: `${host.address}/24`,
  })) as [End, End];
  // Nobody answers there; it is for programs that look for the interface of the default route.
  const routes = [{ destination: 'default', via: '192.168.77.254' }];
  return {
    nodes: hosts.map(({ name }) => ({ name, forwards: true, routes })),
    cables: [{ mtu, ends: [a, b] }],
    hosts,
    service: { node: 'a', address: '192.168.77.10' },
  };
}

function planFlat({ hosts: count, mtu }: FullLabOptions): Topology {
  const gateway = '192.168.77.254';
  const hosts = names(count).map((name, index) => ({
    name,
    address: `192.168.77.${10 + index}`,
    router: null,
  }));
  const fabric: Node = {
    name: 'fabric',
    forwards: false,
    bridge: { name: 'br0', address: `${gateway}/24` },
    routes: [],
  };
  return {
    nodes: [
      fabric,
      ...hosts.map(({ name }) => ({
        name,
        forwards: true,
        routes: [{ destination: 'default', via: gateway }],
      })),
    ],
    cables: hosts.map(({ name, address }) => ({
      mtu,
      ends: [
        { node: name, device: UNDERLAY_DEVICE, address: `${address}/24` },
        { node: 'fabric', device: `port-${name}`, bridge: 'br0' },
      ],
    })),
    hosts,
    service: { node: 'fabric', address: gateway },
  };
}

function planRouted({ hosts: count, mtu, pathMtu }: FullLabOptions): Topology {
  const routers = pathMtu === null ? ['router'] : ['router1', 'router2'];
  const hosts = names(count).map((name, index) => ({
    name,
    address: `10.77.${index + 1}.2`,
    gateway: `10.77.${index + 1}.1`,
    router: routers[index % routers.length] as string,
  }));
  const cables: Cable[] = hosts.map(({ name, address, gateway, router }) => ({
    mtu,
    ends: [
      { node: name, device: UNDERLAY_DEVICE, address: `${address}/24` },
      { node: router, device: `port-${name}`, address: `${gateway}/24` },
    ],
  }));
  if (pathMtu !== null) {
    cables.push({
      mtu: pathMtu,
      ends: [
        { node: 'router1', device: 'hop', address: '10.77.254.1/24' },
        { node: 'router2', device: 'hop', address: '10.77.254.2/24' },
      ],
    });
  }
  const nodes: Node[] = routers.map((name, index) => ({
    name,
    forwards: true,
    ...(index === 0 ? { loopbackAddress: '10.77.0.1/32' } : {}),
    routes: routers.length === 1 ? [] : [{ destination: 'default', via: `10.77.254.${2 - index}` }],
  }));
  for (const { name, gateway } of hosts) {
    nodes.push({ name, forwards: true, routes: [{ destination: 'default', via: gateway }] });
  }
  return { nodes, cables, hosts, service: { node: routers[0] as string, address: '10.77.0.1' } };
}

function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => hostName(index));
}
