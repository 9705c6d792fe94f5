/** The network 10.5.0.0/16 and a host of it, 192.168.64.2. */
import type { Node } from '../../src/backend/contract.ts';
import type { NetworkConfig, VxlanConfig } from '../../src/lease/config.ts';
import type { Lease, LeaseAttributes } from '../../src/lease/lease.ts';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import { parsePrefix } from '../../src/net/prefix.ts';

export const options: VxlanConfig = {
  type: 'vxlan',
  vni: 1,
  port: 8472,
  gbp: false,
  directRouting: false,
  fastPath: false,
  mtu: 0,
};

export const config: NetworkConfig = {
  network: parsePrefix('10.5.0.0/16'),
  subnetLength: 24,
  subnetMin: parseIpv4('10.5.1.0'),
  subnetMax: parseIpv4('10.5.255.0'),
  backend: options,
};

export function withOptions(change: Partial<VxlanConfig>): NetworkConfig {
  return { ...config, backend: { ...options, ...change } };
}

export const node: Node = {
  interface: { name: 'eth0', address: '192.168.64.2', prefixLength: 24, mtu: 1500 },
  publicIp: '192.168.64.2',
  attach: { by: 'tcx', xdp: false },
  links: [],
  endpoints: [],
  netfilter: null,
  dataplane: { kind: 'bpf', reason: null },
  routes: null,
};

export function withInterface(change: Partial<Node['interface']>): Node {
  return { ...node, interface: { ...node.interface, ...change } };
}

export function lease(subnet: string, change: Partial<LeaseAttributes> = {}): Lease {
  const prefix = parsePrefix(subnet);
  const host = (prefix.address >>> 8) & 255;
  return {
    subnet: prefix,
    attributes: {
      publicIp: `192.168.64.${host}`,
      publicIpv6: null,
      backendType: 'vxlan',
      vxlan: { vni: 1, vtepMac: `02:00:00:00:01:${host.toString(16).padStart(2, '0')}` },
      ...change,
    },
    expiresAt: 'unknown',
    revision: 1,
  };
}

export const own = lease('10.5.52.0/24', {
  publicIp: '192.168.64.2',
  vxlan: { vni: 1, vtepMac: '02:00:00:00:00:01' },
});
