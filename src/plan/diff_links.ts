import { TartanError } from '../errors.ts';
import {
  type ClassicLink,
  type ForeignLink,
  type Link,
  type ObservedLink,
  socketOf,
  type VxlanLink,
  type VxlanSocket,
} from './links.ts';
import type { LinkChange, Op } from './op.ts';
import type { DesiredState, ObservedState } from './state.ts';

export interface LinkOps {
  readonly remove: Op[];
  readonly add: Op[];
  /** Lets packets in: once the programs are in place. */
  readonly open: Op[];
  readonly up: Op[];
  /** Devices that go, or that make place for another of the same name: whatever hangs on them goes too. */
  readonly replaced: ReadonlySet<string>;
}

/** @throws TartanError `DEVICE_FOREIGN` */
export function diffLinks(desired: DesiredState, observed: ObservedState): LinkOps {
  const found = new Map(observed.links.map((link) => [link.name, link]));
  const wanted = new Set(desired.links.map(({ name }) => name));
  const surplus = observed.links.filter(
    (link) => link.kind !== 'foreign' && !wanted.has(link.name),
  );
  for (const link of desired.links) {
    requirePort(link, observed.links);
    requireVni(link, observed.links);
    requireAddress(link, observed.links);
  }
  const changes = desired.links.map((link) => changeLink(link, found.get(link.name)));
  return {
    remove: [
      ...surplus.map(({ name }): Op => ({ op: 'link.remove', name })),
      ...changes.flatMap(({ remove }) => remove),
    ],
    add: changes.flatMap(({ add }) => add),
    open: changes.flatMap(({ open }) => open),
    up: changes.flatMap(({ up }) => up),
    replaced: new Set([
      ...surplus.flatMap(endsOf),
      ...changes
        .flatMap(({ add }) => add.flatMap((op) => (op.op === 'link.add' ? [op.link] : [])))
        .flatMap((link) => [link, found.get(link.name) ?? link].flatMap(endsOf)),
    ]),
  };
}

/** One does not go without the other. */
function endsOf(link: ObservedLink): string[] {
  return link.kind === 'pair' ? [link.name, link.far] : [link.name];
}

function changeLink(link: Link, found: ObservedLink | undefined) {
  const same = found && canBecome(found, link) ? found : undefined;
  if (found?.kind === 'foreign') requireTakeover(link, found);
  return {
    remove: found && !same ? [{ op: 'link.remove', name: link.name } as const] : [],
    add: same ? alter(same, link) : [{ op: 'link.add', link } satisfies Op],
    open: link.kind === 'vxlan' ? changeVni(link, same?.kind === 'vxlan' ? same.vni : null) : [],
    up: same?.up ? [] : [setUp(link)],
  };
}

function setUp(link: Link): Op {
  const far = link.kind === 'pair' ? { far: link.far } : {};
  return { op: 'link.set', name: link.name, ...far, up: true };
}

/** Whether the device can be changed into the other; else it is made anew. */
function canBecome(found: ObservedLink, link: Link): found is Link {
  switch (found.kind) {
    case 'vxlan':
      return link.kind === 'vxlan' && found.port === link.port && found.gbp === link.gbp;
    case 'classic':
      return link.kind === 'classic' && sameTunnel(found, link);
    case 'pair':
      // Both ends have the one MAC.
      return link.kind === 'pair' && found.far === link.far && found.mac === link.mac;
    case 'tun':
      return link.kind === 'tun';
    case 'fou':
      return (
        link.kind === 'fou' &&
        found.port === link.port &&
        found.underlay === link.underlay &&
        found.underlayAddress === link.underlayAddress
      );
    case 'foreign':
      return false;
  }
}

/** A device that gets another MAC loses its neigh entries, so it may as well be another device. */
function sameTunnel(a: ClassicLink, b: ClassicLink): boolean {
  return (
    a.mac === b.mac &&
    a.vni === b.vni &&
    a.port === b.port &&
    a.underlay === b.underlay &&
    a.underlayAddress === b.underlayAddress &&
    a.gbp === b.gbp
  );
}

/** flanneld's device may be replaced: a classic one with our VNI and port. Any other belongs to somebody. */
function requireTakeover(link: Link, found: ForeignLink): void {
  if (!isTunnel(link)) {
    throw new TartanError(
      'DEVICE_FOREIGN',
      `device ${link.name} exists and is not ours: ${found.detail}`,
      `Stop what it belongs to, or remove it (\`ip link delete ${link.name}\`) if nothing needs it.`,
    );
  }
  if (found.classic?.vni === link.vni && found.classic.port === link.port) return;
  if (found.network !== null) {
    throw new TartanError(
      'DEVICE_FOREIGN',
      `VNI ${link.vni} is taken: device ${link.name} carries this host's network "${found.network}"`,
      'Give each network of a host a VNI of its own in its network config.',
    );
  }
  throw new TartanError(
    'DEVICE_FOREIGN',
    `device ${link.name} exists and is not ours: ${found.detail}`,
    `Remove it (\`ip link delete ${link.name}\`) if nothing needs it, or choose another VNI in the network config.`,
  );
}

/** The kernel would refuse to set the device up, with EADDRINUSE: at a moment when a lease has been taken. */
function requirePort(link: Link, observed: readonly ObservedLink[]): void {
  if (!isTunnel(link)) return;
  const wanted = socketOf(link);
  for (const other of observed) {
    if (other.kind !== 'foreign' || other.name === link.name || other.socket === null) continue;
    if (other.socket.port !== wanted.port || sameMode(other.socket, wanted)) continue;
    throw new TartanError(
      'DEVICE_FOREIGN',
      `${link.name} cannot have UDP port ${link.port}: ${other.name} has it (${other.detail}), and the kernel lets only devices of the same kind share one`,
      other.network === null
        ? `Remove ${other.name} (\`ip link delete ${other.name}\`) if nothing needs it, or choose another Backend.Port in the network config.`
        : 'Give both networks the same Backend.GBP and --dataplane, or a Backend.Port of their own.',
    );
  }
}

/** Of classic devices on a port the kernel makes no second one with the VNI, whatever they are called, up or down. */
function requireVni(link: Link, observed: readonly ObservedLink[]): void {
  if (link.kind !== 'classic') return;
  const other = observed.find(
    (one) =>
      one.kind === 'foreign' &&
      one.name !== link.name &&
      one.classic?.vni === link.vni &&
      one.classic.port === link.port,
  );
  if (other === undefined) return;
  throw new TartanError(
    'DEVICE_FOREIGN',
    `${link.name} cannot have VNI ${link.vni}: ${other.name} has it, on the same UDP port`,
    `Remove ${other.name} (\`ip link delete ${other.name}\`) if nothing needs it: it may be a device of flanneld's that was renamed. Or choose another VNI in the network config.`,
  );
}

/** Whatever comes to an address in IP packets from anywhere can be one device's only. */
function requireAddress(link: Link, observed: readonly ObservedLink[]): void {
  if (link.kind !== 'fou') return;
  const { underlayAddress: address } = link;
  const other = observed.find(
    (one) => one.kind === 'foreign' && one.name !== link.name && one.ipipAddress === address,
  );
  if (other?.kind !== 'foreign') return;
  throw new TartanError(
    'DEVICE_FOREIGN',
    `${link.name} cannot have the IP-in-IP packets that come to ${address}: ${other.name} has them (${other.detail})`,
    other.network === null
      ? `Remove ${other.name} (\`ip link delete ${other.name}\`) if nothing needs it, or give --dataplane bpf or user.`
      : 'Give one of the two networks --dataplane bpf or user: a host has one udp network in kernel mode.',
  );
}

/** A vxlan device, which has a VNI and a socket. */
function isTunnel(link: Link): link is VxlanLink | ClassicLink {
  return link.kind === 'vxlan' || link.kind === 'classic';
}

/** Changes that make the device's offloads what they are to be. */
function tune(found: Link, link: Link): LinkChange {
  if (!('tuned' in link) || ('tuned' in found && found.tuned)) return {};
  return link.kind === 'pair' ? { far: link.far, tuned: true } : { tuned: true };
}

function macOf(link: Link): string | null {
  return 'mac' in link ? link.mac : null;
}

function sameMode(a: VxlanSocket, b: VxlanSocket): boolean {
  return a.mode.toSorted().join() === b.mode.toSorted().join();
}

function alter(found: Link, link: Link): Op[] {
  const change: LinkChange = {
    ...('mac' in link && macOf(found) !== link.mac && { mac: link.mac }),
    ...(found.mtu === link.mtu ? {} : { mtu: link.mtu }),
    ...tune(found, link),
  };
  return Object.keys(change).length > 0 ? [{ op: 'link.set', name: link.name, ...change }] : [];
}

function changeVni(link: VxlanLink, found: number | null): Op[] {
  if (found === link.vni) return [];
  return [
    ...(found === null ? [] : [{ op: 'vni.remove', device: link.name, vni: found } as const]),
    ...(link.vni === null ? [] : [{ op: 'vni.add', device: link.name, vni: link.vni } as const]),
  ];
}
