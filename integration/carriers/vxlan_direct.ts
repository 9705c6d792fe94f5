/** vxlan with DirectRouting: on one layer 2 packets travel as they are, elsewhere through the tunnel. */
import type { Carrier, TunnelCarrier } from './contract.ts';
import { OF_ENDPOINTS } from './host_gw.ts';
import { VXLAN, VXLAN_FAST } from './vxlan.ts';

const directly = <T extends Carrier>(carrier: T): T => ({
  ...carrier,
  name: `${carrier.name}, DirectRouting`,
  config: { ...carrier.config, Backend: { ...carrier.config.Backend, DirectRouting: true } },
});

/** The pods have the tunnel's MTU all the same. */
export const VXLAN_DIRECT: Carrier = {
  ...directly(VXLAN),
  isFlatOnly: true,
  tunnel: null,
  programs: { ...OF_ENDPOINTS, see: 'strays' },
};

export const VXLAN_DIRECT_FAST: Carrier = {
  ...directly(VXLAN_FAST),
  isFlatOnly: true,
  tunnel: null,
  programs: OF_ENDPOINTS,
};

export const VXLAN_ROUTED: TunnelCarrier = { ...directly(VXLAN), isRoutedOnly: true };

export const VXLAN_ROUTED_FAST: TunnelCarrier = { ...directly(VXLAN_FAST), isRoutedOnly: true };
