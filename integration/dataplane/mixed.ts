/** A lab with two hosts that tartan has set up, and one set up by hand as flanneld does it, in one etcd. */
import assert from 'node:assert/strict';
import { gatewayOf, putFlannelValue, removeFlannelLease } from '../../lab/baseline.ts';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import type { LabOptions } from '../../lab/options.ts';
import { attachPods, type Pod } from '../../lab/pod.ts';
import { type Carrier, isFast } from '../carriers/contract.ts';
import type { Flannel, FlannelEnd, FlannelPeer } from '../carriers/flannel.ts';
import type { Metered } from './meter.ts';
import { describeMember, type Member, makeEndpoints } from './network.ts';

export const FLANNEL_SUBNET = '10.5.210.0/24';

const LEASE_SECONDS = 86_400;

export interface Mixed {
  readonly lab: Lab;
  readonly carrier: Carrier;
  /** Set up by tartan. */
  readonly a: Member;
  readonly b: Member;
  /** Set up by hand. */
  readonly flannel: {
    readonly host: Host;
    readonly pod: Pod;
    readonly end: FlannelEnd;
    putLease(): Promise<void>;
    removeLease(): Promise<void>;
  };
}

export async function createMixed(
  labOptions: LabOptions,
  carrier: Carrier,
  flannel: Flannel,
): Promise<Mixed> {
  const kernelHosts = carrier.mode === 'kernel' ? ['a', 'b', 'c'] : [];
  const lab = await createLab({ ...labOptions, store: 'etcd', kernelHosts });
  try {
    const { etcd } = lab;
    const [a, b, host] = lab.hosts;
    const [pod] = host?.pods ?? [];
    assert(a && b && host && pod && etcd);
    const { config } = carrier;
    await a.tartan(['init-config', '-'], { input: JSON.stringify(config) });
    const mtu = Number(config.Backend.MTU ?? lab.options.mtu) - carrier.overhead;
    const end = await flannel.setUp(host, FLANNEL_SUBNET, mtu);
    await attachPods(host, { gateway: gatewayOf(FLANNEL_SUBNET), mtu });
    const value = flannel.leaseOf(end.peer);
    const putLease = () => putFlannelValue(etcd, FLANNEL_SUBNET, value, LEASE_SECONDS);
    await putLease();
    await Promise.all([a.tartan(['join']), b.tartan(['join'])]);
    await Promise.all(
      [a, b].map((joined) => joined.tartan(['join']).then(() => attachPods(joined))),
    );
    if (isFast(carrier)) await Promise.all([a, b].map(makeEndpoints));
    const members = await Promise.all([describeMember(a, carrier), describeMember(b, carrier)]);
    await end.know(members.map(peerOf));
    const removeLease = () => removeFlannelLease(etcd, FLANNEL_SUBNET);
    const atFlannel = { host, pod, end, putLease, removeLease };
    return { lab, carrier, a: members[0], b: members[1], flannel: atFlannel };
  } catch (error) {
    await lab.destroy();
    throw error;
  }
}

export function peerOf({ subnet, host, vtepMac }: Member): FlannelPeer {
  return { subnet, publicIp: host.address, vtepMac };
}

/** The hosts whose programs count, and the one that is counted for. */
export function countable({ a, b, carrier }: Mixed): Metered {
  return { carrier, members: [a, b], others: [{ name: 'flannel', subnet: FLANNEL_SUBNET }] };
}
