/** Packets and frames that are built by hand, sent as they are by sockets of this process (raw(7), packet(7)). */
import { inNamespace } from '../../lab/in_namespace.ts';
import type { Namespace } from '../../lab/namespace.ts';
import { checked, close, libc } from '../../src/sys/libc.ts';
import { SOCK_CLOEXEC, SOCK_RAW, socket } from '../../src/sys/socket.ts';

const AF_INET = 2;
const AF_PACKET = 17;
const IPPROTO_RAW = 255;

const sendto = libc.func('long sendto(int, void *, size_t, int, void *, uint32_t)') as (
  fd: number,
  packet: Buffer,
  size: number,
  flags: number,
  to: Buffer,
  toSize: number,
) => number;

const ifNameToIndex = libc.func('uint32_t if_nametoindex(str)') as (name: string) => number;

/** Sends whole IPv4 packets, routed by their destinations; the kernel sets total length and header checksum. */
export function sendRaw(from: Namespace, packets: readonly Buffer[]): void {
  using sender = open(from, AF_INET, IPPROTO_RAW);
  for (const packet of packets) {
    const to = Buffer.alloc(16);
    to.writeUInt16LE(AF_INET);
    packet.copy(to, 4, 16, 20);
    sender.send(packet, to);
  }
}

/** Puts whole Ethernet frames on a device, right or wrong: nothing is filled in or checked on the way. */
export function sendFrames(from: Namespace, device: string, frames: readonly Buffer[]): void {
  using sender = open(from, AF_PACKET, 0);
  const to = Buffer.alloc(20);
  to.writeUInt16LE(AF_PACKET);
  to.writeInt32LE(indexOf(from, device), 4);
  for (const frame of frames) sender.send(frame, to);
}

function open(from: Namespace, family: number, protocol: number) {
  const type = SOCK_RAW | SOCK_CLOEXEC;
  const fd = checked(
    'socket',
    inNamespace(from, () => socket(family, type, protocol)),
  );
  return {
    send: (packet: Buffer, to: Buffer) =>
      checked('sendto', sendto(fd, packet, packet.length, 0, to, to.length)),
    [Symbol.dispose]: () => close(fd),
  };
}

function indexOf({ namespace }: Namespace, device: string): number {
  const index = inNamespace({ namespace }, () => ifNameToIndex(device));
  if (index === 0) throw new Error(`${namespace} has no device ${device}`);
  return index;
}
