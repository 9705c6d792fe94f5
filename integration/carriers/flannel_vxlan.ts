import assert from 'node:assert/strict';
import { addFlannelDevice, addFlannelPeer } from '../../lab/baseline.ts';
import type { Carrier } from './contract.ts';
import type { Flannel } from './flannel.ts';
import { VXLAN } from './vxlan.ts';

/** flannel's options of the vxlan backend. */
export interface VxlanOptions {
  readonly VNI?: number;
  readonly Port?: number;
  readonly MTU?: number;
  readonly GBP?: boolean;
}

/** vxlan with other options than the default. */
export function vxlanWith(options: VxlanOptions): Carrier {
  return {
    ...VXLAN,
    config: { ...VXLAN.config, Backend: { ...VXLAN.config.Backend, ...options } },
    device: `flannel.${options.VNI ?? 1}`,
  };
}

/** A classic vxlan device, and three entries for each peer. */
export function flannelVxlan({
  VNI: vni = 1,
  Port: port = 8472,
  GBP: gbp = false,
}: VxlanOptions = {}): Flannel {
  const device = `flannel.${vni}`;
  return {
    leaseOf: ({ publicIp, vtepMac }) =>
      `{"PublicIP":"${publicIp}","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":${vni},"VtepMAC":"${vtepMac}"}}`,
    async setUp(host, subnet, mtu) {
      const peer = await addFlannelDevice(host, { subnet, mtu, vni, port, gbp });
      return {
        peer,
        async know(others) {
          for (const other of others) await addFlannelPeer(host, other, device);
        },
        stop: async () => {},
        async assertTakenOver() {
          const { stdout } = await host.exec(['ip', '-json', 'link', 'show', device]);
          assert.equal(JSON.parse(stdout)[0].address, peer.vtepMac, 'the MAC stays');
          const routes = await host.exec(['ip', '-4', 'route', 'show', 'dev', device]);
          assert.doesNotMatch(routes.stdout, /via 10\.5\./);
          const neighbours = await host.exec(['ip', 'neigh', 'show', 'dev', device]);
          assert.equal(neighbours.stdout, '');
        },
      };
    },
    isProcess: false,
    atOnce: { fragmented: 50, segmented: 2000 },
  };
}
