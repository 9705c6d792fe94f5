/** `struct __sk_buff`, <linux/bpf.h>: what of it BPF_PROG_TEST_RUN lets the caller set, or tells. */

export const CONTEXT_SIZE = 192;
const OFFSET = { mark: 8, ifindex: 40, cb: 48, gsoSegments: 164, gsoSize: 176 } as const;

export interface ContextFields {
  readonly mark?: number;
  /** The interface that the packet came in on; default 1, the loopback. It must be there. */
  readonly ifindex?: number;
  readonly cb?: readonly number[];
  /** How many packets on the wire a GSO packet becomes. */
  readonly gsoSegments?: number;
  /** Bytes of payload in each of them. The GSO type stays 0: neither TCP nor UDP. */
  readonly gsoSize?: number;
}

export function encodeContext(
  fields: ContextFields,
  context: Buffer = Buffer.alloc(CONTEXT_SIZE),
): Buffer {
  const { mark = 0, ifindex = 0, cb = [], gsoSegments = 0, gsoSize = 0 } = fields;
  context.writeUInt32LE(mark, OFFSET.mark);
  context.writeUInt32LE(ifindex, OFFSET.ifindex);
  for (const [at, value] of cb.entries()) context.writeUInt32LE(value, OFFSET.cb + 4 * at);
  context.writeUInt32LE(gsoSegments, OFFSET.gsoSegments);
  context.writeUInt32LE(gsoSize, OFFSET.gsoSize);
  return context;
}

export function readMark(context: Buffer): number {
  return context.readUInt32LE(OFFSET.mark);
}
