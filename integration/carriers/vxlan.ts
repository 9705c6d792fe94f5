/** vxlan: a device named after the VNI, whose kernel takes what the programs leave. */
import { NETWORK_CONFIG } from '../../lab/lab.ts';
import { judgeReceived } from '../bpf/oracle_receive.ts';
import { ETHERTYPE, ethernet, vxlan } from '../bpf/packets.ts';
import {
  type Carrier,
  type Flaw,
  NO_PROGRAMS,
  type Programs,
  type Tunnel,
  type TunnelCarrier,
} from './contract.ts';

const VNI = 1;
const SENDER_MAC = '02:00:00:00:00:01';

/** The kernel's device drops what is of another VNI or has other flags. */
const ofAnother = (name: string, fields: { vni?: number; flags?: number }): Flaw => ({
  name,
  counter: 'other_vni',
  isStoppedByKernel: true,
  isOuter: true,
  change: () => ({ vxlan: fields }),
});

const FLAWS: readonly Flaw[] = [
  {
    name: "another peer's MAC",
    counter: 'drop_wrong_mac',
    change: ({ a }) => ({ innerEthernet: { destination: a.vtepMac } }),
  },
  ...(['arp', 'ipv6'] as const).map(
    (type): Flaw => ({
      name: `inner ${type}`,
      counter: 'drop_not_ipv4',
      // Long enough for an IPv6 header, or the kernel would drop it for its length.
      change: () => ({ innerEthernet: { type: ETHERTYPE[type] }, payload: Buffer.alloc(60) }),
    }),
  ),
  ofAnother('another VNI', { vni: 2 }),
  ofAnother('unknown flags', { flags: 0x0c00_0000 }),
  ofAnother('no VNI', { flags: 0 }),
];

const TUNNEL: Tunnel = {
  port: 8472,
  wrap: (inner, to, changes = {}) =>
    vxlan(
      { vni: VNI, ...changes.vxlan },
      ethernet({ destination: to, source: SENDER_MAC, ...changes.innerEthernet }, inner),
    ),
  flaws: FLAWS,
  stray: { counter: 'other_vni', isLeftToHost: true },
  gathers: 'in any order',
  takesMarks: true,
  takesOptions: true,
};

const PROGRAMS: Programs = {
  see: 'overlay',
  slow: {
    received: { slow_received: 1 },
    isServed: false,
    piece: {},
    dropped: {},
    unknown: 'drop_unknown_peer',
    truncated: null,
    congested: null,
  },
  marked: { slow_receive_congestion: 1, slow_received: 1 },
  // Only the kernel's device can take those apart.
  gso: (packets) => ({
    sender: {},
    receiver: { slow_receive_gso: packets, slow_received: packets },
  }),
  toProcess: {},
  judge: judgeReceived,
  left: ['other_vni', 'slow_receive_congestion', 'slow_receive_gso', 'slow_receive_room'],
  sentOn: ['slow_send_room'],
};

const DEVICE = 'flannel.1';

const DAMAGES: Carrier['damages'] = [
  ['the device down and up', `ip link set ${DEVICE} down; ip link set ${DEVICE} up`],
  ['the device down', `ip link set ${DEVICE} down`],
  ['another MAC', `ip link set ${DEVICE} address 02:00:00:00:00:99`],
  ['another MTU', `ip link set ${DEVICE} mtu 1000`],
  ['no VNI', `bridge vni delete dev ${DEVICE} vni 1`],
  ['no address', `ip address flush dev ${DEVICE}`],
  ['no routes', `ip route flush dev ${DEVICE}`],
  ['no programs', NO_PROGRAMS],
  ['the device deleted', `ip link delete ${DEVICE}`],
];

export const VXLAN: TunnelCarrier = {
  name: 'vxlan',
  config: NETWORK_CONFIG,
  mode: 'default',
  isFlatOnly: false,
  device: DEVICE,
  overhead: 50,
  tunnel: TUNNEL,
  damages: DAMAGES,
  isKnownByMac: true,
  programs: PROGRAMS,
};

export const VXLAN_FAST: TunnelCarrier = {
  ...VXLAN,
  name: 'vxlan FastPath',
  config: { ...NETWORK_CONFIG, Backend: { ...NETWORK_CONFIG.Backend, FastPath: true } },
  mode: 'fastpath',
  // FastPath tries first, and leaves it to the host.
  programs: { ...PROGRAMS, sentOn: ['slow_send_room', 'host_room'] },
};

export const VXLAN_KERNEL: Carrier = {
  ...VXLAN,
  name: 'vxlan kernel mode',
  mode: 'kernel',
  programs: null,
};
