import { existsSync, writeFileSync } from 'node:fs';
import { inNamespace } from './in_namespace.ts';
import { waitForLinks } from './links.ts';
import { namespaceOf } from './names.ts';
import { namespaceNamed } from './namespace.ts';
import type { FullLabOptions } from './options.ts';
import { run } from './process.ts';
import type { Cable, End, Node, Topology } from './topology.ts';
import { behaveLikeWire } from './wire.ts';

/** Makes the namespaces, cables, addresses and routes of a topology, and an empty namespace for each pod. */
export async function buildUnderlay(options: FullLabOptions, topology: Topology): Promise<void> {
  const lab = options.name;
  const pods = topology.hosts.flatMap((host) => podNames(host.name, options.pods));
  const names = [...topology.nodes.map((node) => node.name), ...pods];
  await run(['ip', '-batch', '-'], {
    input: names.map((name) => `netns add ${namespaceOf(lab, name)}\n`).join(''),
  });
  await run(['ip', '-batch', '-'], {
    input: topology.cables.map((cable, number) => cableLine(lab, cable, number)).join(''),
  });

  const ends = topology.cables.flatMap((cable) => cable.ends);
  const setUp = (nodes: readonly Node[]) =>
    Promise.all(
      nodes.map((node) =>
        setUpNode(namespaceOf(lab, node.name), node, commandsFor(node, endsOf(node, ends))),
      ),
    );
  await Promise.all([
    setUp(topology.nodes.filter((node) => !node.bridge)),
    ...pods.map((name) => setUpNode(namespaceOf(lab, name), { forwards: false }, [])),
  ]);
  // A bridge whose ports have carrier when it comes up forwards at once.
  await setUp(topology.nodes.filter((node) => node.bridge));
  if (options.wire) {
    await Promise.all(
      ends.map((end) => behaveLikeWire(namespaceNamed(namespaceOf(lab, end.node)), end.device)),
    );
  }
  await Promise.all(
    topology.nodes.map((node) =>
      waitForLinks(namespaceNamed(namespaceOf(lab, node.name)), devicesOf(node, ends)),
    ),
  );
}

/** `a-pod1`, `a-pod2`, … */
export function podNames(host: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${host}-pod${index + 1}`);
}

/**
 * Both ends are made where they belong: at no time is there a device in the machine's own namespace. Their indexes
 * differ, because the kernel takes a device whose index is its peer's for one without peer, and attends to its carrier
 * up to a second later.
 */
function cableLine(lab: string, { mtu, ends }: Cable, number: number): string {
  const [left, right] = ends.map(
    ({ node, device }, side) =>
      `name ${device} index ${100 + 2 * number + side} mtu ${mtu} netns ${namespaceOf(lab, node)}`,
  );
  return `link add ${left} type veth peer ${right}\n`;
}

function endsOf(node: Node, ends: readonly End[]): End[] {
  return ends.filter((end) => end.node === node.name);
}

function devicesOf(node: Node, ends: readonly End[]): string[] {
  const devices = endsOf(node, ends).map((end) => end.device);
  return node.bridge ? [...devices, node.bridge.name] : devices;
}

async function setUpNode(
  namespace: string,
  { forwards }: Pick<Node, 'forwards'>,
  commands: readonly string[],
): Promise<void> {
  inNamespace({ namespace }, () => writeSettings(forwards));
  const input = ['link set lo up', ...commands].join('\n');
  await namespaceNamed(namespace).exec(['ip', '-batch', '-'], { input });
}

/** For `ip -batch`. */
function commandsFor(node: Node, ends: readonly End[]): string[] {
  const { bridge, loopbackAddress, routes } = node;
  const lines: string[] = [];
  if (bridge) lines.push(`link add ${bridge.name} type bridge`);
  for (const { device, address, bridge: master } of ends) {
    if (master) lines.push(`link set ${device} master ${master}`);
    if (address) lines.push(`address add ${address} dev ${device}`);
    lines.push(`link set ${device} up`);
  }
  if (bridge)
    lines.push(`address add ${bridge.address} dev ${bridge.name}`, `link set ${bridge.name} up`);
  if (loopbackAddress) lines.push(`address add ${loopbackAddress} dev lo`);
  for (const { destination, via } of routes) lines.push(`route add ${destination} via ${via}`);
  return lines;
}

/**
 * Debian's defaults, whatever the machine's own namespace has (new ones inherit from it); no IPv6, whose neighbour and
 * router discovery would be counted as packets; a bridge that is a switch and no firewall.
 */
function writeSettings(forwards: boolean): void {
  const settings = {
    'ipv4/conf/all/rp_filter': 0,
    'ipv4/conf/default/rp_filter': 0,
    'ipv4/ip_forward': forwards ? 1 : 0,
    'ipv6/conf/all/disable_ipv6': 1,
    'ipv6/conf/default/disable_ipv6': 1,
    'bridge/bridge-nf-call-iptables': 0,
    'bridge/bridge-nf-call-arptables': 0,
  };
  for (const [name, value] of Object.entries(settings)) {
    const path = `/proc/sys/net/${name}`;
    // Not every kernel has IPv6, or has loaded its bridges.
    if (existsSync(path)) writeFileSync(path, `${value}`);
  }
}
