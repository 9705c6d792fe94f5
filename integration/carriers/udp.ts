/** udp: the packet itself is the datagram. The programs do all there is to do; the kernel has no socket for it. */
import { missingFou } from '../kernel/requirements.ts';
import type { Carrier, Programs, Tunnel, TunnelCarrier } from './contract.ts';

const CONFIG = { Network: '10.5.0.0/16', Backend: { Type: 'udp' } } as const;

const TUNNEL: Tunnel = {
  port: 8285,
  wrap: (inner) => inner,
  flaws: [],
  stray: { counter: 'drop_not_ipv4', isLeftToHost: false },
  gathers: 'in order',
  takesOptions: false,
};

const PROGRAMS: Programs = {
  see: 'overlay',
  slow: {
    isServed: true,
    piece: { slow_receive_fragment: 1 },
    lost: 'drop_fragment',
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
  sentOn: ['slow_send_room'],
};

export const UDP: TunnelCarrier = {
  name: 'udp',
  config: CONFIG,
  mode: 'default',
  isFlatOnly: false,
  device: 'flannel0',
  overhead: 28,
  tunnel: TUNNEL,
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
