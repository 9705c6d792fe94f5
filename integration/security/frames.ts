/** Frames that `c`, a peer of `b`, or somebody in its place puts on the underlay. */
import { UNDERLAY_DEVICE } from '../../lab/topology.ts';
import { ethernet, type Ipv4Fields, icmp, ipv4, LENGTH, PROTOCOL, udp } from '../bpf/packets.ts';
import type { Changes } from '../bpf/scene.ts';
import type { Tunnel } from '../carriers/contract.ts';
import type { Network } from '../dataplane/network.ts';

const SENDER_MAC = '02:ee:00:00:00:66';

export interface Scene {
  readonly network: Network;
  /** null: packets travel as they are. */
  readonly tunnel: Tunnel | null;
  /** Of `b`'s underlay interface. */
  readonly receiverMac: string;
}

export async function describeScene(network: Network): Promise<Scene> {
  const argv = ['ip', '-json', 'link', 'show', UNDERLAY_DEVICE];
  const { stdout } = await network.b.host.exec(argv);
  const [link] = JSON.parse(stdout) as { address: string }[];
  if (!link) throw new Error(`${network.b.name} has no ${UNDERLAY_DEVICE}`);
  return { network, tunnel: network.carrier.tunnel, receiverMac: link.address };
}

/** An ICMP echo reply: nobody answers it. */
export const probe = (text: string) => icmp({ type: 0 }, Buffer.from(text));

let nextId = 1;

function outerFields({ network: { b, c } }: Scene, changes: Changes): Ipv4Fields {
  nextId = (nextId % 0xffff) + 1;
  return {
    source: c.host.address,
    destination: b.host.address,
    protocol: PROTOCOL.udp,
    id: nextId,
    ...changes.outer,
  };
}

function innerFields({ network: { b, c } }: Scene, changes: Changes): Ipv4Fields {
  return {
    source: c.pod.address,
    destination: b.pod.address,
    protocol: PROTOCOL.icmp,
    ...changes.inner,
  };
}

/** What stands behind the outer IP header. */
function datagram(scene: Scene, changes: Changes): Buffer {
  const { tunnel, network } = scene;
  if (!tunnel) throw new Error(`${network.carrier.name} has no tunnel to forge packets of`);
  const inner = ipv4(innerFields(scene, changes), changes.payload ?? probe('forged'));
  return udp(
    { source: 40_000, destination: tunnel.port, ...changes.udp },
    tunnel.wrap(inner, network.b.vtepMac, changes),
  );
}

function toReceiver(scene: Scene, packet: Buffer): Buffer {
  return ethernet({ destination: scene.receiverMac, source: SENDER_MAC }, packet);
}

/** Good where nothing is changed. Without a tunnel it is the packet that would be inside one. */
export function forge(scene: Scene, changes: Changes = {}): Buffer {
  if (scene.tunnel === null)
    return toReceiver(scene, ipv4(innerFields(scene, changes), changes.payload ?? probe('forged')));
  return toReceiver(scene, ipv4(outerFields(scene, changes), datagram(scene, changes)));
}

/** A part of the outer packet's payload, in bytes: the first is a multiple of 8. */
export type Piece = readonly [from: number, to: number];

/** The same in fragments (RFC 791), in this order; they may overlap. The last byte of the payload ends the packet. */
export function forgeFragments(
  scene: Scene,
  changes: Changes,
  pieces: (length: number) => readonly Piece[],
): Buffer[] {
  const [fields, payload] = [outerFields(scene, changes), datagram(scene, changes)];
  return pieces(payload.length).map(([from, to]) =>
    toReceiver(
      scene,
      ipv4(
        { ...fields, fragmentOffset: from, moreFragments: to < payload.length },
        payload.subarray(from, to),
      ),
    ),
  );
}

/** By what way a packet reaches the inside. */
export const WAYS = {
  whole: {
    isFast: true,
    isOpen: () => true,
    build: (scene: Scene, changes: Changes) => [forge(scene, changes)],
  },
  'with IP options': {
    isFast: false,
    isOpen: ({ takesOptions }: Tunnel) => takesOptions,
    build: (scene: Scene, changes: Changes) => [
      forge(scene, { ...changes, outer: { options: Buffer.alloc(4, 1), ...changes.outer } }),
    ],
  },
  'in fragments, the first without inner headers': {
    isFast: false,
    isOpen: () => true,
    build: (scene: Scene, changes: Changes) =>
      forgeFragments(scene, changes, (length) => [
        [0, 16],
        [16, length],
      ]),
  },
  'in the smallest fragments, backwards': {
    isFast: false,
    /** The first piece comes last, and waits in vain. */
    isWaiting: true,
    isOpen: ({ gathers }: Tunnel) => gathers === 'in any order',
    build: (scene: Scene, changes: Changes) =>
      forgeFragments(scene, changes, (length) =>
        Array.from({ length: Math.ceil(length / 8) }, (_, at): Piece => {
          return [8 * at, Math.min(8 * at + 8, length)];
        }).reverse(),
      ),
  },
} as const;

export type Way = (typeof WAYS)[keyof typeof WAYS];

/** The inner packet of a frame that {@link forge} made. */
export function innerPacket({ network: { carrier } }: Scene, frame: Buffer): Buffer {
  return frame.subarray(LENGTH.ethernet + carrier.overhead);
}
