/** Kernel mode of udp: an IP-in-IP device that sends its packets in UDP, and a FOU port that takes those of the peers. */
import type { UdpConfig } from '../lease/config.ts';
import { formatPrefix } from '../net/prefix.ts';
import { chainOfFou, type FouPort } from '../plan/fou.ts';
import type { Route } from '../plan/routes.ts';
import type { Decision, Node } from './contract.ts';
import type { OverlayRoutes } from './overlay_routes.ts';
import { NO_FAST_PATH, warnOfKernelMode } from './vxlan_kernel.ts';

export interface UdpKernelWish {
  readonly options: UdpConfig;
  readonly node: Node;
  readonly device: string;
  readonly overlay: OverlayRoutes;
  readonly mtu: number;
}

/** A route to each peer's subnet via its PublicIP: the device sends to a packet's next hop. */
export function kernelMode({ options, node, device, overlay, mtu }: UdpKernelWish) {
  const { reachable, warnings } = overlay;
  const { name: underlay, address: underlayAddress } = node.interface;
  const { port } = options;
  const fou = fouPort(options, node);
  return {
    mode: 'kernel',
    links: [
      { name: device, kind: 'fou', mtu, port, underlay, underlayAddress, tuned: true, up: true },
    ],
    fou: [fou],
    routes: reachable.map(({ subnet, attributes: { publicIp } }): Route => {
      return { destination: formatPrefix(subnet), via: publicIp, device, onlink: true };
    }),
    filter: withoutDontFragment(fou),
    dataplane: null,
    warnings: [
      ...warnOfKernelMode(node.dataplane),
      ...(options.fastPath ? [NO_FAST_PATH] : []),
      ...warnings,
    ],
  } satisfies Partial<Decision>;
}

/** Where the device's packets come in. */
export function fouPort({ port }: UdpConfig, { interface: { address } }: Node): FouPort {
  return { address, port };
}

/**
 * The kernel sets DF on all packets of a device with a TTL of its own. Without, a narrow path cuts them, as it does with
 * the programs' packets and vxlan's; DF is clear in what has not been cut yet.
 */
function withoutDontFragment(fou: FouPort): string {
  return `chain ${chainOfFou(fou)} {
type filter hook output priority mangle
ip saddr ${fou.address} udp dport ${fou.port} ip frag-off set 0
}`;
}
