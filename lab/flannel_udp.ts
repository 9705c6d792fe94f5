/** flannel's udp backend at the other end, or as a baseline: a relay in C, and nothing of tartan. */
import { existsSync } from 'node:fs';
import { gatewayOf, putFlannelValue, subnetOf } from './baseline.ts';
import type { Etcd } from './etcd.ts';
import { CHECKOUT, type Host } from './host.ts';
import type { Lab } from './lab.ts';
import { attachPods } from './pod.ts';
import { type Running, run } from './process.ts';
import { waitFor } from './ready.ts';

export const FLANNEL_UDP_DEVICE = 'flannel0';

/** What the outer headers take: IPv4 and UDP. */
export const FLANNEL_UDP_OVERHEAD = 28;

const RELAY = 'build/bench/udp_relay';

export interface FlannelUdpPeer {
  /** `10.5.2.0/24` */
  readonly subnet: string;
  readonly publicIp: string;
}

export interface FlannelUdpHost {
  readonly subnet: string;
  /** Of the TUN: the underlay's less 28. */
  readonly mtu: number;
  readonly peers: readonly FlannelUdpPeer[];
  /** Default 8285. */
  readonly port?: number;
  /** What is routed into the TUN; default 10.5.0.0/16. */
  readonly network?: string;
}

/**
 * Starts a host's relay and sets up its TUN as flanneld does: `<subnet>.0/32`, and a route for the whole network.
 * Stopping what is returned takes the TUN away.
 */
export async function addFlannelUdp(
  host: Host,
  { subnet, mtu, peers, port = 8285, network = '10.5.0.0/16' }: FlannelUdpHost,
): Promise<Running> {
  await run(['make', '-s', '-C', CHECKOUT, RELAY]);
  // Where TUN devices come with a module, nobody else may have had it loaded.
  if (!existsSync('/dev/net/tun')) await run(['modprobe', 'tun'], { mayFail: true });
  const device = FLANNEL_UDP_DEVICE;
  const relay = host.start([
    ...[`${CHECKOUT}/${RELAY}`, device, host.address, `${port}`, `${mtu}`],
    ...peers.map((peer) => `${peer.subnet}=${peer.publicIp}`),
  ]);
  await waitFor(`the relay of host ${host.name} is ready: ${relay.stderr()}`, () =>
    relay.stdout().startsWith('ready'),
  );
  await host.exec(['ip', '-batch', '-'], {
    input: `
address add ${subnet.replace(/\/\d+$/, '')}/32 dev ${device}
link set ${device} mtu ${mtu} up
route add ${network} dev ${device}
`,
  });
  return relay;
}

/** Every host of a lab with a relay, and its pods attached. */
export async function flannelUdp(lab: Lab): Promise<Running[]> {
  const mtu = lab.options.mtu - FLANNEL_UDP_OVERHEAD;
  const all = lab.hosts.map((host) => ({ subnet: subnetOf(lab, host), publicIp: host.address }));
  return await Promise.all(
    lab.hosts.map(async (host, index) => {
      const subnet = subnetOf(lab, host);
      const peers = all.filter((_, other) => other !== index);
      const relay = await addFlannelUdp(host, { subnet, mtu, peers });
      await attachPods(host, { gateway: gatewayOf(subnet), mtu });
      return relay;
    }),
  );
}

/** Writes a udp lease as flanneld does, byte for byte. `ttlSeconds: null`: without an etcd lease (a reservation). */
export function putFlannelUdpLease(
  etcd: Etcd,
  { subnet, publicIp }: FlannelUdpPeer,
  ttlSeconds: number | null = 86_400,
): Promise<void> {
  const value = JSON.stringify({ PublicIP: publicIp, PublicIPv6: null });
  return putFlannelValue(etcd, subnet, value, ttlSeconds);
}
