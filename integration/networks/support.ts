/** Hosts of a lab with `run` for several networks, and a pod of each network on each. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Host } from '../../lab/host.ts';
import type { Pod } from '../../lab/pod.ts';
import type { Running } from '../../lab/process.ts';
import { waitFor } from '../../lab/ready.ts';
import type { WatchEvent } from '../../src/agent/events.ts';

/** flannel's own pair of test networks. */
export const BLUE = { Network: '10.11.0.0/16', Backend: { Type: 'vxlan' } } as const;
export const GREEN = { Network: '10.12.0.0/16', Backend: { Type: 'host-gw' } } as const;

export const PREFIX = '/coreos.com/network';

export const subnetDirOf = (host: Host): string => join(dirname(host.subnetFile), 'networks');
export const subnetFileOf = (host: Host, network: string): string =>
  join(subnetDirOf(host), `${network}.env`);

/** The lab's own variable names one file. */
export const envOf = (host: Host): Record<string, string> => ({
  FLANNELD_SUBNET_FILE: '',
  FLANNELD_SUBNET_DIR: subnetDirOf(host),
});

export function startRun(
  host: Host,
  args: readonly string[],
  env: Record<string, string> = {},
): Running {
  return host.startTartan(['run', ...args], { env: { ...envOf(host), ...env } });
}

export async function initNetwork(
  host: Host,
  network: string,
  config: object,
  ...args: string[]
): Promise<void> {
  const prefix = ['--etcd-prefix', `${PREFIX}/${network}`];
  await host.tartan(['init-config', ...prefix, ...args, JSON.stringify(config)]);
}

export const eventsOf = ({ stdout }: Running): WatchEvent[] =>
  stdout()
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));

/** The first event of a kind after those that were there. */
export function eventOf(
  running: Running,
  network: string,
  type: WatchEvent['type'],
  after = 0,
): Promise<WatchEvent> {
  const find = () =>
    eventsOf(running)
      .slice(after)
      .find((event) => event.network === network && event.type === type);
  return waitFor(`a ${type} event of ${network} in ${running.stdout()}`, find, {
    limitSeconds: 30,
  });
}

/** `10.11.5` of a network's subnet on the host. */
export function baseOf(host: Host, network: string): string {
  const text = readFileSync(subnetFileOf(host, network), 'utf8');
  return /^FLANNEL_SUBNET=(.*)\.1\/24$/m.exec(text)?.[1] ?? assert.fail(text);
}

/** Cables a pod to the host and gives it the first free address of the network's subnet. */
export async function cablePod(host: Host, pod: Pod, network: string): Promise<string> {
  const base = baseOf(host, network);
  const device = `cable-${network}`;
  await host.shell(`
ip link add ${device} type veth peer name eth0 index 1000 netns ${pod.namespace}
ip address add ${base}.1/24 dev ${device}
ip link set ${device} up`);
  await pod.shell(`
ip link set eth0 mtu 1400 up
ip address add ${base}.2/24 dev eth0
ip route add default via ${base}.1`);
  return `${base}.2`;
}

export const hasLeft = (host: Host, network: string): boolean =>
  !existsSync(subnetFileOf(host, network)) && !existsSync(join(host.stateDir, network));
