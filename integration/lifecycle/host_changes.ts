/** What happens to hosts, for `host_changes_test.ts`: what is done, what `watch` says, and how it is seen to be mended. */
import { rmSync } from 'node:fs';
import type { Host } from '../../lab/host.ts';
import type { Lab } from '../../lab/lab.ts';
import { waitForLinks } from '../../lab/links.ts';
import { namespaceOf } from '../../lab/names.ts';
import { waitFor } from '../../lab/ready.ts';
import { withPinned } from '../../src/bpf/bpffs.ts';
import { readLinks } from '../../src/bpf/links.ts';
import { listGenerations, pinsOf } from '../../src/bpf/pins.ts';
import { detachLink } from '../../src/sys/bpf_links.ts';
import { type Carrier, isFast } from '../carriers/contract.ts';
import { readSubnetEnv } from './support.ts';
import { startWatch, type Watching } from './watching.ts';

/** Of the flat lab: who answers for the default route, and the bridge that all hosts are cabled to. */
export const GATEWAY = '192.168.77.254';
const FABRIC = { node: 'fabric', bridge: 'br0' } as const;

export interface Scene {
  readonly lab: Lab;
  readonly carrier: Carrier;
  /** What changes. */
  readonly a: Host;
  /** The subnet of the other host. */
  readonly peerSubnet: string;
}

export interface Change {
  readonly name: string;
  /** Where it can happen. */
  readonly isFor: (carrier: Carrier) => boolean;
  /** Part of it that keeps `watch` from its work, and what that says of it. */
  readonly trouble?: { readonly is: (scene: Scene) => Promise<unknown>; readonly says: RegExp };
  /** Rejects if it could not be done. */
  readonly happens: (scene: Scene) => Promise<unknown>;
  /** What holds afterwards beside traffic. */
  readonly mended?: (scene: Scene) => boolean | Promise<boolean>;
  /** Puts back what `watch` has taken up. */
  readonly undo?: (scene: Scene) => Promise<unknown>;
}

const always = () => true;
const hasDevice = ({ device }: Carrier) => device !== null;
const hasPrograms = ({ programs }: Carrier) => programs !== null;
const isKernelMode = ({ mode }: Carrier) => mode === 'kernel';

/** After these, what pods may send is less or more by so much. */
const MTU = 1400;

const shell = (script: (scene: Scene) => string) => (scene: Scene) => scene.a.shell(script(scene));

/** A change by commands: those that a host administrator has. */
function byCommands(
  name: string,
  isFor: Change['isFor'],
  script: (scene: Scene) => string,
  rest: Partial<Change> = {},
): Change {
  return { name, isFor, happens: shell(script), ...rest };
}

const routeToPeer = ({ carrier, peerSubnet }: Scene) =>
  carrier.device === null || isKernelMode(carrier)
    ? `ip route delete ${peerSubnet} proto 116`
    : `ip route flush proto 116 dev ${carrier.device}`;

const mtuOf = (wanted: number) => (scene: Scene) =>
  readSubnetEnv(scene.a).includes(`FLANNEL_MTU=${wanted - scene.carrier.overhead}\n`);

export const CHANGES: readonly Change[] = [
  {
    name: 'the underlay goes down, and comes up',
    isFor: always,
    trouble: { is: shell(() => 'ip link set eth0 down'), says: /interface eth0 is down/ },
    happens: async ({ a }) => {
      await a.shell(`ip link set eth0 up; ip route add default via ${GATEWAY}`);
      await waitForLinks(a, ['eth0']);
    },
  },
  {
    name: 'the underlay is deleted, and there is another of its name',
    isFor: always,
    trouble: {
      is: shell(() => 'ip link delete eth0'),
      says: /no interface has the name or address eth0/,
    },
    happens: recable,
  },
  byCommands('the underlay has another MTU', always, () => `ip link set eth0 mtu ${MTU}`, {
    mended: mtuOf(MTU),
    undo: shell(() => 'ip link set eth0 mtu 1500'),
  }),
  byCommands('a route of ours is deleted', always, routeToPeer),
  byCommands(
    'a route of somebody else’s takes the place of ours',
    ({ device }) => device === null,
    ({ peerSubnet }) => `ip route replace ${peerSubnet} via ${GATEWAY}`,
  ),
  byCommands(
    'the device is deleted',
    hasDevice,
    ({ carrier }) => `ip link delete ${carrier.device}`,
  ),
  byCommands(
    'the device is down',
    hasDevice,
    ({ carrier }) => `ip link set ${carrier.device} down`,
  ),
  byCommands(
    'the device has another name',
    hasDevice,
    ({ carrier }) =>
      `ip link set ${carrier.device} down; ip link set ${carrier.device} name other0`,
  ),
  byCommands(
    'the device has another MAC',
    hasDevice,
    ({ carrier }) => `ip link set ${carrier.device} address 02:00:00:00:00:99`,
  ),
  byCommands(
    'the device has another MTU',
    hasDevice,
    ({ carrier }) => `ip link set ${carrier.device} mtu 1000`,
  ),
  byCommands(
    'the device loses its address',
    hasDevice,
    ({ carrier }) => `ip address flush dev ${carrier.device}`,
  ),
  byCommands(
    'the device loses its VNI',
    ({ config, mode }) => config.Backend.Type === 'vxlan' && mode !== 'kernel',
    () => 'bridge vni delete dev flannel.1 vni 1',
  ),
  byCommands('FDB entries are deleted', isKernelMode, ({ carrier }) => {
    return `bridge fdb show dev ${carrier.device} | while read mac rest; do
      bridge fdb delete "$mac" dev ${carrier.device} $(echo "$rest" | grep -o 'dst [0-9.]*'); done`;
  }),
  byCommands(
    'neigh entries are deleted',
    isKernelMode,
    ({ carrier }) => `ip neigh flush nud permanent dev ${carrier.device}`,
  ),
  {
    name: 'a pin of a map is deleted',
    isFor: hasPrograms,
    happens: async (scene) => {
      const pins = pinsFor(scene);
      rmSync(`${pins.generation(listGenerations(pins)[0] ?? '')}/settings_map`);
    },
  },
  {
    name: 'all pins are deleted',
    isFor: hasPrograms,
    happens: async (scene) => rmSync(pinsFor(scene).root, { recursive: true }),
  },
  {
    name: 'a link is detached',
    isFor: hasPrograms,
    happens: async (scene) => {
      const pins = pinsFor(scene);
      const receiving = readLinks(pins).find(({ program }) => program.endsWith('_receive'));
      withPinned(pins.link(receiving?.name ?? ''), detachLink);
    },
  },
  byCommands(
    'something begins to NAT',
    isFast,
    () => `nft add table ip natted
      nft 'add chain ip natted source { type nat hook postrouting priority 100; }'`,
  ),
];

function pinsFor({ a }: Scene) {
  return pinsOf(a.bpffs, 'default');
}

/** As a new network card in the place of the old one. */
async function recable({ lab, a }: Scene): Promise<void> {
  const { node, bridge } = FABRIC;
  await lab.node(node).shell(`
    ip link add port-a index 702 type veth peer name eth0 index 701 netns ${namespaceOf(lab.name, 'a')}
    ip link set port-a master ${bridge}
    ip link set port-a up`);
  await a.shell(`ip address add ${a.address}/24 dev eth0
    ip link set eth0 up
    ip route add default via ${GATEWAY}`);
  await waitForLinks(a, ['eth0']);
}

/**
 * A `watch` that looks by the clock in an hour, and has looked once: what was changed before it listened is mended.
 */
export async function startHourly(host: Host, ...args: readonly string[]): Promise<Watching> {
  const all = ['--reconcile-interval', '3600', '--log-level', 'debug', ...args];
  const watching = await startWatch(host, all);
  await waitFor('its first look', () => looksOf(watching) > 0);
  return watching;
}

/** How often it has looked at the host. */
export function looksOf({ running }: Watching): number {
  return running.stderr().split('looked at the host').length - 1;
}

/** Gives the underlay another address, as a new DHCP lease does. */
export async function moveTo(host: Host, address: string): Promise<void> {
  await host.shell(`ip address flush dev eth0
    ip address add ${address}/24 dev eth0
    ip route add default via ${GATEWAY}`);
}
