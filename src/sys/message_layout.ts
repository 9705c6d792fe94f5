/** `struct mmsghdr` and what it points to, of sendmmsg(2) and recvmmsg(2): sizes, and where fields lie. */

export const AF_INET = 2;

/** `struct sockaddr_in`. */
export const ADDRESS_BYTES = 16;

export const MESSAGE_BYTES = 64;

/** Offsets in a message; lengths and counts are small, so their lower halves are enough. */
export const MESSAGE = {
  name: 0,
  nameLength: 8,
  vectors: 16,
  vectorCount: 24,
  control: 32,
  controlLength: 40,
  length: 56,
} as const;

/** A control message (`struct cmsghdr`) with one small number: its size, and where the number lies. */
export const CONTROL_BYTES = 24;
export const CONTROL_DATA = 16;

/** <linux/udp.h>: datagrams of one size in one message. */
export const SOL_UDP = 17;
export const UDP_SEGMENT = 103;
export const UDP_GRO = 104;

/** The index of a message's field in 32-bit words. */
export function wordOf(message: number, field: number): number {
  return (message * MESSAGE_BYTES + field) >> 2;
}
