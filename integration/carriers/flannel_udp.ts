import assert from 'node:assert/strict';
import { addFlannelUdp, FLANNEL_UDP_DEVICE } from '../../lab/flannel_udp.ts';
import type { Running } from '../../lab/process.ts';
import type { TunnelCarrier } from './contract.ts';
import type { Flannel } from './flannel.ts';
import { UDP } from './udp.ts';

/** udp on another port than the default. */
export function udpOn(port: number): TunnelCarrier {
  return {
    ...UDP,
    config: { ...UDP.config, Backend: { ...UDP.config.Backend, Port: port } },
    tunnel: { ...UDP.tunnel, port },
  };
}

/** A process between a TUN and a UDP socket. */
export const flannelUdp = (port = 8285): Flannel => ({
  leaseOf: ({ publicIp }) => `{"PublicIP":"${publicIp}","PublicIPv6":null}`,
  async setUp(host, subnet, mtu) {
    let relay: Running | undefined;
    return {
      peer: { subnet, publicIp: host.address, vtepMac: '' },
      async know(peers) {
        relay = await addFlannelUdp(host, { subnet, mtu, peers, port });
      },
      async stop() {
        assert.equal((await relay?.stop())?.code, 0);
      },
      async assertTakenOver() {
        const { stdout } = await host.exec(['ip', '-d', 'link', 'show', FLANNEL_UDP_DEVICE]);
        assert.doesNotMatch(stdout, / tun /);
      },
    };
  },
  isProcess: true,
  atOnce: { fragmented: 2, segmented: 40 },
});

export const FLANNEL_UDP = flannelUdp();
