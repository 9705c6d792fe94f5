/** `struct virtio_net_hdr`, <linux/virtio_net.h>: what stands before a packet of the TUN, little-endian. */
export const VNET = {
  flags: 0,
  kind: 1,
  headerBytes: 2,
  segmentBytes: 4,
  checksumStart: 6,
  checksumOffset: 8,
  /** A flag: the checksum is still to be made. */
  needsChecksum: 1,
  /** Kinds: one packet, or a TCP stream's segments. */
  none: 0,
  tcp4: 1,
} as const;
