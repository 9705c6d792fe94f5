/** udp: the packet itself is the datagram. The programs do all there is to do; the kernel has no socket for it. */
import { judgeUdpReceived } from '../bpf/oracle_udp.ts';
import { missingFou } from '../kernel/requirements.ts';
import {
  type Carrier,
  NO_PROGRAMS,
  type Programs,
  type Tunnel,
  type TunnelCarrier,
} from './contract.ts';

const CONFIG = { Network: '10.5.0.0/16', Backend: { Type: 'udp' } } as const;

const TUNNEL: Tunnel = {
  port: 8285,
  wrap: (inner) => inner,
  flaws: [],
  stray: { counter: 'drop_not_ipv4', isLeftToHost: false },
  gathers: 'in order',
  takesMarks: true,
  takesOptions: false,
};

const PROGRAMS: Programs = {
  see: 'overlay',
  slow: {
    isServed: true,
    piece: { slow_receive_fragment: 1 },
    received: { slow_receive_fragment: 1, slow_received: 1 },
    dropped: { slow_receive_fragment: 1, slow_received: 1 },
    unknown: null,
    truncated: 'drop_truncated',
    congested: 'drop_congestion',
  },
  marked: {},
  // Cut before it leaves: at the other end nobody could take the tunnel off it.
  gso: (packets) => ({ sender: { slow_send_gso: packets }, receiver: {} }),
  toProcess: { slow_send_peer: 1 },
  // What it does with pieces depends on those before.
  judge: judgeUdpReceived,
  left: [],
  sentOn: ['slow_send_room'],
};

const DEVICE = 'flannel0';

const DAMAGES: Carrier['damages'] = [
  ['the device down and up', `ip link set ${DEVICE} down; ip link set ${DEVICE} up`],
  ['the device down', `ip link set ${DEVICE} down`],
  ['its far end down', `ip link set ${DEVICE}.far down`],
  ['another MAC', `ip link set ${DEVICE} address 02:00:00:00:00:99`],
  ['another MTU', `ip link set ${DEVICE} mtu 1000`],
  ['nothing merged that comes in', `ethtool -K ${DEVICE} gro off`],
  ['no address', `ip address flush dev ${DEVICE}`],
  ['no routes', `ip route flush dev ${DEVICE}`],
  ['no programs', NO_PROGRAMS],
  ['the device deleted', `ip link delete ${DEVICE}`],
];

export const UDP: TunnelCarrier = {
  name: 'udp',
  config: CONFIG,
  mode: 'default',
  isFlatOnly: false,
  device: DEVICE,
  overhead: 28,
  tunnel: TUNNEL,
  damages: DAMAGES,
  programs: PROGRAMS,
};

export const UDP_FAST: TunnelCarrier = {
  ...UDP,
  name: 'udp FastPath',
  config: { ...CONFIG, Backend: { ...CONFIG.Backend, FastPath: true } },
  mode: 'fastpath',
  // FastPath tries first, and leaves it to the host.
  programs: {
    ...PROGRAMS,
    toProcess: { host_peer: 1, slow_send_peer: 1 },
    sentOn: ['slow_send_room', 'host_room'],
    gso: (packets) => ({
      sender: { host_room: packets, slow_send_gso: packets },
      receiver: {},
    }),
  },
};

/** A kernel's own FOU, where it has that. */
export const UDP_KERNEL: Carrier = {
  ...UDP,
  name: 'udp kernel mode',
  mode: 'kernel',
  programs: null,
  missing: missingFou(),
};

/** `tartan relay`. */
export const UDP_USER: TunnelCarrier = {
  ...UDP,
  name: 'udp user mode',
  mode: 'user',
  // A socket is told nothing of outer headers.
  tunnel: { ...TUNNEL, takesMarks: false },
  hasRelay: true,
  silentHops: 2,
  atOnce: { fragmented: 5, segmented: 400 },
  programs: null,
};
