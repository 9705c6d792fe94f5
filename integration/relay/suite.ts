/** Two hosts, each with `tartan relay` or with flannel's kind of relay, and what must work between their pods. */
import assert from 'node:assert/strict';
import { gatewayOf, subnetOf } from '../../lab/baseline.ts';
import { addFlannelUdp, FLANNEL_UDP_OVERHEAD, type FlannelUdpHost } from '../../lab/flannel_udp.ts';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import type { LabOptions } from '../../lab/options.ts';
import { attachPods, type Pod } from '../../lab/pod.ts';
import type { Running } from '../../lab/process.ts';
import { addUserDevice, startUserRelay, type UserRelay } from '../../lab/user_relay.ts';

export type RelayKind = 'tartan' | 'flannel';

export interface Party {
  readonly host: Host;
  readonly pod: Pod;
  readonly settings: FlannelUdpHost;
  readonly running: Running;
}

export interface Pair {
  readonly lab: Lab;
  readonly a: Party & { readonly running: UserRelay };
  readonly b: Party;
}

/** Host a has `tartan relay`, host b what `other` says; both pods are attached. */
export async function createPair(options: LabOptions, other: RelayKind): Promise<Pair> {
  const lab = await createLab({ underlay: 'pair', ...options });
  try {
    const [hostA, hostB] = lab.hosts;
    assert(hostA && hostB);
    const a = await addUserParty(lab, hostA);
    const b = other === 'tartan' ? await addUserParty(lab, hostB) : await addFlannel(lab, hostB);
    return { lab, a, b };
  } catch (error) {
    await lab.destroy();
    throw error;
  }
}

async function addUserParty(lab: Lab, host: Host) {
  const settings = settingsOf(lab, host);
  await addUserDevice(host, settings);
  return { ...(await attach(host, settings)), running: await startUserRelay(host) };
}

async function addFlannel(lab: Lab, host: Host): Promise<Party> {
  const settings = settingsOf(lab, host);
  const running = await addFlannelUdp(host, settings);
  return { ...(await attach(host, settings)), running };
}

async function attach(host: Host, settings: FlannelUdpHost) {
  const [pod] = host.pods;
  assert(pod);
  await attachPods(host, { gateway: gatewayOf(settings.subnet), mtu: settings.mtu });
  return { host, pod, settings };
}

function settingsOf(lab: Lab, host: Host): FlannelUdpHost {
  const peers = lab.hosts
    .filter((other) => other !== host)
    .map((other) => ({ subnet: subnetOf(lab, other), publicIp: other.address }));
  return { subnet: subnetOf(lab, host), mtu: lab.options.mtu - FLANNEL_UDP_OVERHEAD, peers };
}
