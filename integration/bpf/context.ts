/** `struct __sk_buff`, <linux/bpf.h>: what of it BPF_PROG_TEST_RUN lets the caller set. */

const SIZE = 192;
const OFFSET = { cb: 48, gsoSegments: 164, gsoSize: 176 } as const;

export interface ContextFields {
  readonly cb?: readonly number[];
  /** How many packets on the wire a GSO packet becomes. */
  readonly gsoSegments?: number;
  /** Bytes of payload in each of them. The GSO type stays 0: neither TCP nor UDP. */
  readonly gsoSize?: number;
}

export function encodeContext({ cb = [], gsoSegments = 0, gsoSize = 0 }: ContextFields): Buffer {
  const context = Buffer.alloc(SIZE);
  for (const [at, value] of cb.entries()) context.writeUInt32LE(value, OFFSET.cb + 4 * at);
  context.writeUInt32LE(gsoSegments, OFFSET.gsoSegments);
  context.writeUInt32LE(gsoSize, OFFSET.gsoSize);
  return context;
}
