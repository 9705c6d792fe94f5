/** udp in user space: a TUN that stays, and routes that tell `tartan relay` the peers. */
import type { UdpConfig } from '../lease/config.ts';
import { formatPrefix } from '../net/prefix.ts';
import type { Route } from '../plan/routes.ts';
import type { Decision, Node } from './contract.ts';
import type { OverlayRoutes } from './overlay_routes.ts';

export interface UserModeWish {
  /** The overlay. */
  readonly network: string;
  readonly options: UdpConfig;
  readonly node: Node;
  readonly device: string;
  readonly overlay: OverlayRoutes;
  readonly mtu: number;
}

/**
 * A route to each peer's subnet via its PublicIP, and one to the whole network, which brings the relay what nobody holds
 * and tells it whose sources are the network's.
 */
export function userMode({ options, network, node, device, overlay, mtu }: UserModeWish) {
  const { reachable, warnings } = overlay;
  const { reason } = node.dataplane;
  return {
    mode: 'user',
    links: [{ name: device, kind: 'tun', mtu, up: true }],
    routes: [
      { destination: network, via: '', device, onlink: true },
      ...reachable.map(({ subnet, attributes: { publicIp } }): Route => {
        return { destination: formatPrefix(subnet), via: publicIp, device, onlink: true };
      }),
    ],
    dataplane: null,
    warnings: [
      ...(reason === null ? [] : [`user mode, without counters: ${reason}`]),
      `packets are carried only while \`${relayCommand(device, options.port)}\` runs on this host`,
      ...(options.fastPath ? [NO_FAST_PATH] : []),
      ...warnings,
    ],
  } satisfies Partial<Decision>;
}

/** With what differs from the relay's own defaults. */
function relayCommand(device: string, port: number): string {
  return [
    'tartan relay',
    ...(device === 'flannel0' ? [] : [`--device ${device}`]),
    ...(port === 8285 ? [] : [`--listen-port ${port}`]),
  ].join(' ');
}

const NO_FAST_PATH =
  'Backend.FastPath is off on this host: in user mode there are no programs to serve endpoints';
