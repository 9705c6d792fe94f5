import assert from 'node:assert/strict';
import type { Flannel, FlannelPeer } from './flannel.ts';

/** A route to each peer, and nothing else. */
export const FLANNEL_HOST_GW: Flannel = {
  leaseOf: ({ publicIp }) => `{"PublicIP":"${publicIp}","PublicIPv6":null,"BackendType":"host-gw"}`,
  async setUp(host, subnet) {
    let known: readonly FlannelPeer[] = [];
    return {
      peer: { subnet, publicIp: host.address, vtepMac: '' },
      async know(others) {
        known = others;
        for (const other of others) {
          await host.exec(['ip', 'route', 'add', other.subnet, 'via', other.publicIp]);
        }
      },
      stop: async () => {},
      async assertTakenOver() {
        for (const other of known) {
          const { stdout } = await host.exec(['ip', 'route', 'show', other.subnet]);
          const ours = new RegExp(`^${other.subnet} via ${other.publicIp} .*proto 116[^\\n]*\\n$`);
          assert.match(stdout, ours, 'one route, and it is ours');
        }
      },
    };
  },
  isProcess: false,
  atOnce: { fragmented: 50, segmented: 2000 },
};
