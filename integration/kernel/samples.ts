/** What hosts of the network 10.5.0.0/16 are to look like, as the backend decides it. */
import assert from 'node:assert/strict';
import type { Host } from '../../lab/host.ts';
import type { Node } from '../../src/backend/contract.ts';
import { backendFor } from '../../src/backend/table.ts';
import { parseConfig } from '../../src/lease/config.ts';
import type { Lease } from '../../src/lease/lease.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import type { Attachment, Dataplane, Endpoint, Settings } from '../../src/plan/dataplane.ts';
import type { DesiredState } from '../../src/plan/state.ts';
import { hasTcx } from '../../src/sys/bpf_links.ts';

export const CONFIG = {
  Network: '10.5.0.0/16',
  SubnetMin: '10.5.1.0',
  SubnetMax: '10.5.255.0',
  Backend: { Type: 'vxlan' },
};

export const DEVICE = 'flannel.1';

/** What `--attach auto` takes on this kernel. */
export const MEANS: 'tcx' | 'clsact' = hasTcx() ? 'tcx' : 'clsact';

/** Addresses that no host of a lab has. */
export const somePeers: readonly Lease[] = [
  leaseOf('10.5.7.0/24', '192.168.77.107'),
  leaseOf('10.5.8.0/24', '192.168.77.108'),
  leaseOf('10.5.64.0/20', '192.168.77.109'),
];

/** A lease of a vxlan node; its MAC is made of its PublicIP. */
export function leaseOf(subnet: string, publicIp: string, vtepMac = macOf(publicIp)): Lease {
  return {
    subnet: parsePrefix(subnet),
    attributes: { publicIp, publicIpv6: null, backendType: 'vxlan', vxlan: { vni: 1, vtepMac } },
    expiresAt: 'never',
    revision: 1,
  };
}

function macOf(address: string): string {
  const octets = address.split('.').map((octet) => Number(octet).toString(16).padStart(2, '0'));
  return ['02', '00', ...octets].join(':');
}

export interface Wish {
  readonly config?: object;
  readonly own?: Lease;
  readonly peers?: readonly Lease[];
  /** Of the underlay interface. */
  readonly underlay?: Partial<Node['interface']>;
  readonly by?: Node['attach']['by'];
  readonly xdp?: boolean;
  readonly mode?: Node['dataplane']['kind'];
  /** The host's own, for DirectRouting and host-gw. */
  readonly routes?: Node['routes'];
  readonly endpoints?: readonly Endpoint[];
}

/** What a host of a lab is to look like; hosts a, b, … hold 10.5.10.0/24, 10.5.11.0/24, … */
export function desiredOf(host: Host, wish: Wish = {}): DesiredState {
  const { config = CONFIG, own = ownLease(host, config), peers = somePeers } = wish;
  const parsed = parseConfig(JSON.stringify(config));
  const backend = backendFor(parsed.backend.type);
  const { warnings, ...desired } = backend.desired(parsed, nodeOf(host, wish), own, peers);
  assert.deepEqual(warnings, []);
  return desired;
}

/** 192.168.77.10 holds 10.5.10.0/24. */
export function ownLease(host: Host, config: object = CONFIG): Lease {
  const { address } = host;
  const parsed = parseConfig(JSON.stringify(config));
  const { attributes } = backendFor(parsed.backend.type).attributes(
    parsed,
    nodeOf(host),
    null,
    () => macOf(address),
  );
  return { ...leaseOf(`10.5.${address.split('.').at(-1)}.0/24`, address), attributes };
}

function nodeOf(host: Host, wish: Wish = {}): Node {
  const { underlay, endpoints = [], routes = null } = wish;
  const { by = MEANS, xdp = false, mode = 'bpf' } = wish;
  return {
    interface: {
      name: host.device,
      address: host.address,
      prefixLength: 24,
      mtu: 1500,
      ...underlay,
    },
    publicIp: host.address,
    endpoints,
    netfilter: null,
    attach: { by, xdp },
    links: [],
    dataplane: { kind: mode, reason: null },
    routes,
  };
}

/** The same state with other settings of the programs, and nothing else changed. */
export function withSettings(
  desired: DesiredState,
  settings: Partial<Settings>,
): DesiredState & { readonly dataplane: Dataplane } {
  const { dataplane } = desired;
  assert(dataplane);
  return {
    ...desired,
    dataplane: { ...dataplane, settings: { ...dataplane.settings, ...settings } },
  };
}

/** The same state with more programs on more devices. */
export function withAttachments(
  desired: DesiredState,
  more: readonly Attachment[],
): DesiredState & { readonly dataplane: Dataplane } {
  const { dataplane } = desired;
  assert(dataplane);
  const attachments = [...dataplane.attachments, ...more];
  return { ...desired, dataplane: { ...dataplane, attachments } };
}
