/** A lab whose hosts have joined, in the words of the dataplane's tests. */
import assert from 'node:assert/strict';
import type { Host } from '../../lab/host.ts';
import { createLab, joinAll, type Lab } from '../../lab/lab.ts';
import type { Namespace } from '../../lab/namespace.ts';
import type { LabOptions } from '../../lab/options.ts';
import { PATIENCE } from '../../lab/patience.ts';
import { hostDevice, type Pod } from '../../lab/pod.ts';
import { waitForPing } from '../../lab/traffic.ts';
import { startUserRelay } from '../../lab/user_relay.ts';
import type { JoinReport } from '../../src/agent/join.ts';
import { type Carrier, isFast } from '../carriers/contract.ts';
import { VXLAN } from '../carriers/vxlan.ts';

/** A host that has joined. */
export interface Member {
  readonly name: string;
  readonly host: Host;
  readonly pod: Pod;
  /** `10.5.52.0/24` */
  readonly subnet: string;
  /** The host's own address in the overlay: `10.5.52.0`; the gateway where it has none. */
  readonly overlayAddress: string;
  /** What the host's packets to other hosts' pods come from. */
  readonly speaksFrom: string;
  /** The pod's gateway: `10.5.52.1`. */
  readonly gateway: string;
  /** Of the overlay device; empty where there is none. */
  readonly vtepMac: string;
  /** Of the overlay. */
  readonly mtu: number;
}

export interface Network {
  readonly lab: Lab;
  readonly carrier: Carrier;
  readonly members: readonly Member[];
  readonly a: Member;
  readonly b: Member;
  readonly c: Member;
  /** A machine on the underlay that is no member, and reaches all of them. */
  readonly stranger: { readonly namespace: Namespace; readonly address: string };
}

/** Builds the lab, joins three hosts, and waits until their pods reach each other. */
export async function createNetwork(
  options: LabOptions,
  carrier: Carrier = VXLAN,
): Promise<Network> {
  const lab = await createLab({
    ...options,
    ...(carrier.mode === 'kernel' && { kernelHosts: ['a', 'b', 'c'] }),
    ...(carrier.hasRelay && { userHosts: ['a', 'b', 'c'] }),
  });
  try {
    const joined = await joinAll(lab, carrier.config);
    if (carrier.hasRelay) await Promise.all(lab.hosts.map((host) => startUserRelay(host)));
    if (isFast(carrier)) await Promise.all(lab.hosts.map(makeEndpoints));
    const members = await describeMembers(lab, carrier, joined);
    await Promise.all(
      members.flatMap((from) => members.map((to) => waitForPing(from.pod, to.pod.address))),
    );
    const network = networkOf(lab, members, carrier);
    if (carrier.tunnel === null) await showTheWay(network);
    return network;
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

export function networkOf(lab: Lab, members: readonly Member[], carrier: Carrier = VXLAN): Network {
  const [a, b, c] = members;
  assert(a && b && c, 'three hosts');
  const { node, address } = lab.topology.service;
  return { lab, carrier, members, a, b, c, stranger: { namespace: lab.node(node), address } };
}

/** Where packets travel as they are, a stranger can send to the pods once it has the routes. */
async function showTheWay({ members, stranger }: Network): Promise<void> {
  const routes = members.map(({ subnet, host }) => `ip route add ${subnet} via ${host.address}`);
  await stranger.namespace.shell(routes.join('\n'));
}

/** Who has joined, from what `join` said; a machine that is not slow joins once more, which must change nothing. */
export function describeMembers(
  lab: Lab,
  carrier: Carrier,
  joined: readonly string[],
): Promise<Member[]> {
  const describe = (host: Host, index: number) =>
    PATIENCE === 1
      ? describeMember(host, carrier)
      : memberOf(host, JSON.parse(joined[index] as string) as JoinReport, carrier);
  return Promise.all(lab.hosts.map(describe));
}

/** What of a carrier a member has to do with. */
type Overlay = Pick<Carrier, 'device' | 'tunnel'>;

/** Joins once more, which must change nothing, and takes the facts from the report. */
export async function describeMember(host: Host, carrier: Overlay = VXLAN): Promise<Member> {
  const report = await join(host);
  assert.equal(report.changed, false, `host ${host.name} had joined already`);
  return memberOf(host, report, carrier);
}

export async function memberOf(
  host: Host,
  { subnet, mtu }: JoinReport,
  { device, tunnel }: Overlay = VXLAN,
): Promise<Member> {
  const [pod] = host.pods;
  assert(pod);
  const first = subnet.replace(/\/\d+$/, '');
  const gateway = first.replace(/\d+$/, (last) => `${Number(last) + 1}`);
  return {
    name: host.name,
    host,
    pod,
    subnet,
    overlayAddress: device === null ? gateway : first,
    speaksFrom: tunnel === null ? host.address : first,
    gateway,
    vtepMac: device === null ? '' : await macOf(host, device),
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
