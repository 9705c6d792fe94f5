/** Two hosts that tartan has set up for udp, and one with a relay in C that plays flanneld's end, in one etcd. */
import assert from 'node:assert/strict';
import { gatewayOf } from '../../lab/baseline.ts';
import { addFlannelUdp, putFlannelUdpLease } from '../../lab/flannel_udp.ts';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import type { LabOptions } from '../../lab/options.ts';
import { attachPods, type Pod } from '../../lab/pod.ts';
import { waitForPing } from '../../lab/traffic.ts';
import { UDP } from '../carriers/udp.ts';
import { join, type Member, makeEndpoints, memberOf } from '../dataplane/network.ts';

export const DEVICE = 'flannel0';
export const PORT = 8285;
export const OVERHEAD = 28;
export const RELAY_SUBNET = '10.5.210.0/24';

export interface Relay {
  readonly host: Host;
  readonly pod: Pod;
  readonly subnet: string;
}

export interface UdpNetwork {
  readonly lab: Lab;
  readonly a: Member;
  readonly b: Member;
  /** Not tartan's. */
  readonly relay: Relay;
}

/** Builds the lab and waits until all pods reach each other. */
export async function createUdpNetwork(options: LabOptions, fastPath = false): Promise<UdpNetwork> {
  const lab = await createLab({ ...options, store: 'etcd' });
  try {
    const [first, second, host] = lab.hosts;
    const [pod] = host?.pods ?? [];
    assert(first && second && host && pod && lab.etcd);
    const config = { Network: '10.5.0.0/16', Backend: { Type: 'udp', FastPath: fastPath } };
    await first.tartan(['init-config', '-'], { input: JSON.stringify(config) });
    await putFlannelUdpLease(lab.etcd, { subnet: RELAY_SUBNET, publicIp: host.address });
    const joined = [first, second];
    for (const one of [...joined, ...joined]) await one.tartan(['join']);
    for (const one of joined) await attachPods(one);
    if (fastPath) await Promise.all(joined.map(makeEndpoints));
    const [a, b] = await Promise.all(
      joined.map(async (one) => memberOf(one, await join(one), UDP)),
    );
    assert(a && b);
    const mtu = lab.options.mtu - OVERHEAD;
    const peers = [a, b].map(({ subnet, host: { address } }) => ({ subnet, publicIp: address }));
    await addFlannelUdp(host, { subnet: RELAY_SUBNET, mtu, peers });
    await attachPods(host, { gateway: gatewayOf(RELAY_SUBNET), mtu });
    for (const from of [a.pod, b.pod, pod])
      for (const to of [a.pod, b.pod, pod]) await waitForPing(from, to.address);
    return { lab, a, b, relay: { host, pod, subnet: RELAY_SUBNET } };
  } catch (error) {
    await lab.destroy();
    throw error;
  }
}

/** From every pod to every other. */
export function pairsOf({ a, b, relay }: UdpNetwork): [Pod, Pod][] {
  const pods = [a.pod, b.pod, relay.pod];
  return pods.flatMap((from) =>
    pods.filter((to) => to !== from).map((to): [Pod, Pod] => [from, to]),
  );
}
