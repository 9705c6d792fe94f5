/** A lab with two hosts that tartan has set up, and one set up by hand as flanneld does it, in one etcd. */
import assert from 'node:assert/strict';
import {
  addFlannelDevice,
  addFlannelPeer,
  type FlannelPeer,
  gatewayOf,
  putFlannelLease,
} from '../../lab/baseline.ts';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab, NETWORK_CONFIG } from '../../lab/lab.ts';
import type { LabOptions } from '../../lab/options.ts';
import { attachPods, type Pod } from '../../lab/pod.ts';
import type { Metered } from './meter.ts';
import { describeMemberBy, type Member, makeEndpoints, OVERHEAD } from './network.ts';

export const FLANNEL_SUBNET = '10.5.210.0/24';

/** flannel's options of the vxlan backend. */
export interface VxlanOptions {
  readonly VNI?: number;
  readonly Port?: number;
  readonly MTU?: number;
  readonly GBP?: boolean;
  /** tartan's own: every pod is an endpoint then. */
  readonly FastPath?: boolean;
}

export interface Mixed {
  readonly lab: Lab;
  /** Set up by tartan. */
  readonly a: Member;
  readonly b: Member;
  /** Set up by hand. */
  readonly flannel: { readonly host: Host; readonly pod: Pod; readonly peer: FlannelPeer };
}

export async function createMixed(
  labOptions: LabOptions,
  options: VxlanOptions = {},
): Promise<Mixed> {
  const lab = await createLab({ ...labOptions, store: 'etcd' });
  try {
    const [a, b, host] = lab.hosts;
    const [pod] = host?.pods ?? [];
    assert(a && b && host && pod && lab.etcd);
    const config = { ...NETWORK_CONFIG, Backend: { ...NETWORK_CONFIG.Backend, ...options } };
    await a.tartan(['init-config', '-'], { input: JSON.stringify(config) });
    const { VNI: vni = 1, Port: port = 8472, MTU = lab.options.mtu, GBP: gbp = false } = options;
    const device = `flannel.${vni}`;
    const mtu = MTU - OVERHEAD;
    const peer = await addFlannelDevice(host, { subnet: FLANNEL_SUBNET, mtu, vni, port, gbp });
    await attachPods(host, { gateway: gatewayOf(peer.subnet), mtu });
    await putFlannelLease(lab.etcd, peer, undefined, vni);
    await Promise.all([a.tartan(['join']), b.tartan(['join'])]);
    await Promise.all(
      [a, b].map((joined) => joined.tartan(['join']).then(() => attachPods(joined))),
    );
    if (options.FastPath) await Promise.all([a, b].map(makeEndpoints));
    const members = await Promise.all([describeMemberBy(device, a), describeMemberBy(device, b)]);
    for (const { subnet, host: joined, vtepMac } of members) {
      await addFlannelPeer(host, { subnet, publicIp: joined.address, vtepMac }, device);
    }
    return { lab, a: members[0], b: members[1], flannel: { host, pod, peer } };
  } catch (error) {
    await lab.destroy();
    throw error;
  }
}

/** The hosts whose programs count, and the one that is counted for. */
export function countable({ a, b }: Mixed): Metered {
  return { members: [a, b], others: [{ name: 'flannel', subnet: FLANNEL_SUBNET }] };
}
