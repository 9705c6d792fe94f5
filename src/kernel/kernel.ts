/** The kernel, for real: iproute2 for devices, addresses and routes, bpf(2) for programs and maps. */

import { requireLibrary } from '../bpf/generation.ts';
import { detachAll } from '../bpf/links.ts';
import { pinsOf, removeEmptyFolders, removeUnfinished, requireBpffs } from '../bpf/pins.ts';
import { messageOf, TartanError } from '../errors.ts';
import type { Op } from '../plan/op.ts';
import { indexOfInterface, nameOfInterface } from '../sys/interfaces.ts';
import { applyOp } from './apply.ts';
import type { Kernel } from './contract.ts';
import { observe } from './observe.ts';

export interface KernelOptions {
  /** The network's name: pins, device alias and state are told apart by it. */
  readonly network: string;
  /** Mount point of a BPF file system. */
  readonly bpffs: string;
  /** Inode of this process's network namespace. */
  readonly networkNamespace: number;
}

const devices = { indexOf: indexOfInterface, nameOf: nameOfInterface };

/** The kernel of this process's network namespace. */
export function openKernel({ network, bpffs, networkNamespace }: KernelOptions): Kernel {
  const site = { network, bpffs, pins: pinsOf(bpffs, network), devices, networkNamespace };
  const { pins } = site;
  return {
    async requireReady() {
      requireLibrary();
      requireBpffs(bpffs);
    },
    observe: () => observe(site),
    async apply(op) {
      try {
        await applyOp(site, op);
      } catch (error) {
        throw toOpError(op, error);
      }
    },
    async sweep() {
      removeUnfinished(pins);
      detachAll(pins);
      removeEmptyFolders(pins);
    },
    async close() {},
  };
}

/** Messages of the kernel that say less than is known here. */
const hints: readonly { readonly op: Op['op']; readonly says: RegExp; readonly hint: string }[] = [
  {
    op: 'link.set',
    says: /Address already in use/,
    hint: 'Another vxlan device has the UDP port (`ip -details link show type vxlan`): remove it, or choose another Backend.Port.',
  },
  {
    op: 'link.add',
    says: /Unknown device type|not supported/i,
    hint: 'This kernel lacks vxlan with VNI filters: it takes Linux 5.18 or later with CONFIG_VXLAN.',
  },
];

function toOpError(op: Op, error: unknown): TartanError {
  const known = hints.find((hint) => hint.op === op.op && hint.says.test(messageOf(error)));
  if (error instanceof TartanError) {
    if (!known) return error;
    return new TartanError(error.code, `${op.op}: ${error.message}`, known.hint, { cause: error });
  }
  return new TartanError(
    'KERNEL',
    `${op.op}: ${messageOf(error)}`,
    known?.hint ?? 'See `dmesg`; run the command again once the reason is gone.',
    { cause: error },
  );
}
