/** A lab whose hosts have joined, in the words of the dataplane's tests. */
import assert from 'node:assert/strict';
import type { Host } from '../../lab/host.ts';
import { createLab, joinAll, type Lab, NETWORK_CONFIG } from '../../lab/lab.ts';
import type { Namespace } from '../../lab/namespace.ts';
import type { LabOptions } from '../../lab/options.ts';
import { hostDevice, type Pod } from '../../lab/pod.ts';
import { waitForPing } from '../../lab/traffic.ts';
import type { JoinReport } from '../../src/agent/join.ts';

export const DEVICE = 'flannel.1';

/** VXLAN over IPv4. */
export const OVERHEAD = 50;

/** A host that has joined. */
export interface Member {
  readonly name: string;
  readonly host: Host;
  readonly pod: Pod;
  /** `10.5.52.0/24` */
  readonly subnet: string;
  /** The host's own address in the overlay: `10.5.52.0`. */
  readonly overlayAddress: string;
  /** The pod's gateway: `10.5.52.1`. */
  readonly gateway: string;
  readonly vtepMac: string;
  /** Of the overlay. */
  readonly mtu: number;
}

export interface Network {
  readonly lab: Lab;
  readonly members: readonly Member[];
  readonly a: Member;
  readonly b: Member;
  readonly c: Member;
  /** A machine on the underlay that is no member, and reaches all of them. */
  readonly stranger: { readonly namespace: Namespace; readonly address: string };
}

/** The network's config with FastPath on. */
export const FAST_CONFIG = {
  ...NETWORK_CONFIG,
  Backend: { ...NETWORK_CONFIG.Backend, FastPath: true },
} as const;

/**
 * Builds the lab, joins three hosts, and waits until their pods reach each other.
 * @param isFast with FastPath, and every pod an endpoint
 */
export async function createNetwork(
  options: LabOptions,
  isFast = false,
  config: object = isFast ? FAST_CONFIG : NETWORK_CONFIG,
): Promise<Network> {
  const lab = await createLab(options);
  try {
    await joinAll(lab, config);
    if (isFast) await Promise.all(lab.hosts.map(makeEndpoints));
    const members = await Promise.all(lab.hosts.map(describeMember));
    await Promise.all(
      members.flatMap((from) => members.map((to) => waitForPing(from.pod, to.pod.address))),
    );
    return networkOf(lab, members);
  } catch (error) {
    await lab.destroy();
    throw error;
  }
}

/** Makes every pod of a host an endpoint. */
export async function makeEndpoints(host: Host): Promise<void> {
  for (const [index, { address }] of host.pods.entries()) {
    await host.tartan(['endpoint', 'add', hostDevice(index), address]);
  }
}

export function networkOf(lab: Lab, members: readonly Member[]): Network {
  const [a, b, c] = members;
  assert(a && b && c, 'three hosts');
  const { node, address } = lab.topology.service;
  return { lab, members, a, b, c, stranger: { namespace: lab.node(node), address } };
}

/** Joins once more, which must change nothing, and takes the facts from the report. */
export function describeMember(host: Host): Promise<Member> {
  return describeMemberBy(DEVICE, host);
}

/** The same for a network whose device has another name. */
export async function describeMemberBy(device: string, host: Host): Promise<Member> {
  const report = await join(host);
  assert.equal(report.changed, false, `host ${host.name} had joined already`);
  return memberOf(host, report, device);
}

export async function memberOf(
  host: Host,
  { subnet, mtu }: JoinReport,
  device = DEVICE,
): Promise<Member> {
  const [pod] = host.pods;
  assert(pod);
  const overlayAddress = subnet.replace(/\/\d+$/, '');
  return {
    name: host.name,
    host,
    pod,
    subnet,
    overlayAddress,
    gateway: overlayAddress.replace(/\d+$/, (last) => `${Number(last) + 1}`),
    vtepMac: await macOf(host, device),
    mtu,
  };
}

export async function join(host: Host): Promise<JoinReport> {
  const { stdout } = await host.tartan(['join']);
  return JSON.parse(stdout) as JoinReport;
}

async function macOf(host: Host, device: string): Promise<string> {
  const { stdout } = await host.exec(['ip', '-json', 'link', 'show', device]);
  return (JSON.parse(stdout) as { address: string }[])[0]?.address ?? '';
}

/** An address of the overlay that nobody holds. */
export function unheldAddress({ members }: Network): string {
  const held = new Set(members.map(({ subnet }) => subnet));
  const free = [201, 202, 203, 204].find((number) => !held.has(`10.5.${number}.0/24`));
  return `10.5.${free}.7`;
}
