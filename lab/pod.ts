import { readFileSync } from 'node:fs';
import { indexOfInterface } from '../src/sys/interfaces.ts';
import { inNamespace } from './in_namespace.ts';
import { waitForLinks } from './links.ts';
import { namespaceOf } from './names.ts';
import { type Namespace, namespaceNamed } from './namespace.ts';

export interface Pod extends Namespace {
  /** `a-pod1` */
  readonly name: string;
  /** Throws until the pod is attached. */
  readonly address: string;
}

/** What of a host its pods need. */
export interface PodHost extends Namespace {
  readonly pods: readonly Pod[];
  readonly subnetFile: string;
}

/** What a pod needs to know to be attached. */
export interface PodNetwork {
  /** The host's own address in its subnet, the pods' gateway: `10.5.52.1/24`. */
  readonly gateway: string;
  readonly mtu: number;
}

const addresses = new WeakMap<Pod, string>();

export function podOf(lab: string, name: string): Pod {
  const pod: Pod = {
    ...namespaceNamed(namespaceOf(lab, name)),
    name,
    get address() {
      const address = addresses.get(pod);
      if (address === undefined) throw new Error(`pod ${name} is not attached yet`);
      return address;
    },
  };
  return pod;
}

/** Reads a host's subnet.env. */
export function readPodNetwork(host: PodHost): PodNetwork {
  const text = readFileSync(host.subnetFile, 'utf8');
  const value = (key: string) => {
    const found = new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1];
    if (found === undefined) throw new Error(`${host.subnetFile} has no ${key}:\n${text}`);
    return found;
  };
  return { gateway: value('FLANNEL_SUBNET'), mtu: Number(value('FLANNEL_MTU')) };
}

/**
 * Gives a host's pods a cable each and the addresses behind the gateway's (.2, .3, …), as a CNI plugin would: one pod is cabled
 * to the host directly, several to a bridge. Pods that were attached before are cabled anew.
 *
 * Without `network`, subnet.env is read.
 */
export async function attachPods(
  host: PodHost,
  network: PodNetwork = readPodNetwork(host),
): Promise<void> {
  const { gateway, mtu } = network;
  const [, base, first, length] = /^(\d+\.\d+\.\d+\.)(\d+)\/(\d+)$/.exec(gateway) ?? [];
  if (base === undefined) throw new Error(`gateway ${gateway}: no address with a prefix length`);
  await detachPods(host);

  const bridged = host.pods.length > 1;
  const lines: string[] = [];
  host.pods.forEach((pod, index) => {
    const device = hostDevice(index);
    // An index that the host's end has not: see build.ts.
    const podEnd = `name eth0 index ${1000 + index} mtu ${mtu} netns ${pod.namespace}`;
    lines.push(
      `link add ${device} mtu ${mtu} type veth peer ${podEnd}`,
      ...(bridged ? [] : [`address add ${gateway} dev ${device}`]),
      `link set ${device} up`,
    );
  });
  await host.exec(['ip', '-batch', '-'], { input: lines.join('\n') });

  await Promise.all(
    host.pods.map(async (pod, index) => {
      const address = `${base}${Number(first) + index + 1}`;
      await pod.exec(['ip', '-batch', '-'], {
        input: `address add ${address}/${length} dev eth0\nlink set eth0 up\nroute add default via ${base}${first}`,
      });
      addresses.set(pod, address);
    }),
  );
  if (bridged) await addBridge(host, network);
  const devices = host.pods.map((_, index) => hostDevice(index));
  await Promise.all([
    waitForLinks(host, bridged ? [...devices, 'cni0'] : devices),
    ...host.pods.map((pod) => waitForLinks(pod, ['eth0'])),
  ]);
}

async function addBridge(host: PodHost, { gateway, mtu }: PodNetwork): Promise<void> {
  const lines = [
    `link add cni0 mtu ${mtu} type bridge`,
    `address add ${gateway} dev cni0`,
    ...host.pods.map((_, index) => `link set ${hostDevice(index)} master cni0`),
    'link set cni0 up',
  ];
  await host.exec(['ip', '-batch', '-'], { input: lines.join('\n') });
}

/** Takes the pods' cables away; their namespaces stay. */
export async function detachPods(host: PodHost): Promise<void> {
  const devices = [...host.pods.map((_, index) => hostDevice(index)), 'cni0'];
  // Who names what is not there has the kernel look for modules of that name.
  const there = inNamespace(host, () =>
    devices.filter((device) => indexOfInterface(device) !== undefined),
  );
  if (there.length > 0) {
    const input = there.map((device) => `link del ${device}\n`).join('');
    await host.exec(['ip', '-force', '-batch', '-'], { input, mayFail: true });
  }
  for (const pod of host.pods) addresses.delete(pod);
}

/** The host's end of a pod's cable: `pod1`, … */
export function hostDevice(index: number): string {
  return `pod${index + 1}`;
}
