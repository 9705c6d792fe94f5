/** bpf(2): links, which hold programs on devices, and what is attached to a device. */
import { objectInfo } from './bpf.ts';
import { call, callFor, putPointer } from './bpf_call.ts';
import { SystemError } from './libc.ts';

const PROG_QUERY = 16;
const LINK_CREATE = 28;
const LINK_UPDATE = 29;
const LINK_DETACH = 34;

/** `BPF_LINK_TYPE_XDP`, `BPF_XDP` of `enum bpf_attach_type`, and `XDP_FLAGS_…` of <linux/if_link.h>. */
const LINK_TYPE_XDP = 6;
const XDP = 37;
const XDP_MODES = { generic: 1 << 1, native: 1 << 2 } as const;

/** `BPF_TCX_INGRESS` and `BPF_TCX_EGRESS` of `enum bpf_attach_type`. */
export const TCX = { ingress: 46, egress: 47 } as const;
export type Hook = keyof typeof TCX;

/** Attaches by a TCX link, behind the programs that are there; returns the link's descriptor. */
export function createTcxLink(programFd: number, ifindex: number, hook: Hook): number {
  return callFor('LINK_CREATE', LINK_CREATE, (attr) => {
    attr.writeUInt32LE(programFd, 0);
    attr.writeUInt32LE(ifindex, 4);
    attr.writeUInt32LE(TCX[hook], 8);
  }).result;
}

/**
 * Attaches by an XDP link; returns its descriptor.
 * @param mode `native` is the driver's own, `generic` works on every device and saves nothing
 * @throws SystemError `EOPNOTSUPP` where the driver has none, `EBUSY` or `EEXIST` where another program is
 */
export function createXdpLink(
  programFd: number,
  ifindex: number,
  mode: keyof typeof XDP_MODES,
): number {
  return callFor('LINK_CREATE', LINK_CREATE, (attr) => {
    attr.writeUInt32LE(programFd, 0);
    attr.writeUInt32LE(ifindex, 4);
    attr.writeUInt32LE(XDP, 8);
    attr.writeUInt32LE(XDP_MODES[mode], 12);
  }).result;
}

/** Puts another program in the link's place, without a packet in between that sees none. */
export function updateLink(linkFd: number, programFd: number): void {
  call('LINK_UPDATE', LINK_UPDATE, (attr) => {
    attr.writeUInt32LE(linkFd, 0);
    attr.writeUInt32LE(programFd, 4);
  });
}

export function detachLink(linkFd: number): void {
  call('LINK_DETACH', LINK_DETACH, (attr) => attr.writeUInt32LE(linkFd, 0));
}

/** `struct bpf_link_info` of a TCX or XDP link. An `ifindex` of 0: the device is gone, and the link with it. */
export function readLinkInfo(fd: number): {
  programId: number;
  ifindex: number;
  hook: Hook;
  by: 'tcx' | 'xdp';
} {
  const info = objectInfo(fd, 32);
  const isXdp = info.readUInt32LE(0) === LINK_TYPE_XDP;
  return {
    programId: info.readUInt32LE(8),
    ifindex: info.readUInt32LE(16),
    hook: !isXdp && info.readUInt32LE(20) === TCX.egress ? 'egress' : 'ingress',
    by: isXdp ? 'xdp' : 'tcx',
  };
}

/** Ids of the programs on a device's TCX hook, in the order in which they run. */
export function queryTcx(ifindex: number, hook: Hook): number[] {
  const ids = Buffer.alloc(4 * 64);
  const attr = call('PROG_QUERY', PROG_QUERY, (query) => {
    query.writeUInt32LE(ifindex, 0);
    query.writeUInt32LE(TCX[hook], 4);
    putPointer(query, 16, ids);
    query.writeUInt32LE(64, 24);
  });
  return Array.from({ length: attr.readUInt32LE(24) }, (_, at) => ids.readUInt32LE(4 * at));
}

/** Whether this kernel has TCX (Linux 6.6 and later): asked of a device that every namespace has, lo. */
export function hasTcx(): boolean {
  try {
    queryTcx(1, 'ingress');
    return true;
  } catch (error) {
    if (error instanceof SystemError && error.errno === 'EINVAL') return false;
    throw error;
  }
}
