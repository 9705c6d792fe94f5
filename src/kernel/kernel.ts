/** The kernel, for real: netlink and iproute2 for devices, addresses and routes, bpf(2) for programs and maps. */

import { detachAllOrUnpin } from '../bpf/denied.ts';
import { builtObjects, type Objects } from '../bpf/object_file.ts';
import { pinsOf, removeEmptyFolders, removeUnfinished } from '../bpf/pins.ts';
import { messageOf, TartanError } from '../errors.ts';
import type { Link } from '../plan/links.ts';
import type { Op } from '../plan/op.ts';
import { indexOfInterface, nameOfInterface } from '../sys/interfaces.ts';
import { applyOp } from './apply.ts';
import { readAttachWays } from './attach_ways.ts';
import type { Kernel } from './contract.ts';
import { probeFou } from './fou.ts';
import { kernelError, reading } from './kernel_error.ts';
import { probeNft } from './nft_probe.ts';
import { observe } from './observe.ts';
import { probePrograms } from './probe.ts';
import { readProgramTraffic } from './program_traffic.ts';
import { probeTun } from './tun.ts';

export interface KernelOptions {
  /** The network's name: pins, device alias and state are told apart by it. */
  readonly network: string;
  /** Mount point of a BPF file system. */
  readonly bpffs: string;
  /** Inode of this process's network namespace. */
  readonly networkNamespace: number;
  /** Whether XDP may run without the driver's help. */
  readonly genericXdp?: boolean;
  /** What to load, where it is not what has been built. */
  readonly objects?: Partial<Objects>;
}

const devices = { indexOf: indexOfInterface, nameOf: nameOfInterface };

/** The kernel of this process's network namespace. */
export function openKernel(options: KernelOptions): Kernel {
  const { network, bpffs, genericXdp = false } = options;
  const objects = { ...builtObjects, ...options.objects };
  const site = { ...options, pins: pinsOf(bpffs, network), devices, objects, genericXdp };
  const { pins } = site;
  return {
    probe: async () => probePrograms(bpffs, pins),
    probeFou,
    probeTun,
    probeNft,
    readAttachWays: (xdpOn) =>
      reading('how programs can be attached', () =>
        readAttachWays({ pins, programs: objects.vxlan.programs }, xdpOn),
      ),
    readTraffic: (generation) =>
      reading('what the programs have counted', () => readProgramTraffic(pins, generation)),
    observe: () => reading('observing the host', () => observe(site)),
    async apply(op) {
      try {
        await applyOp(site, op);
      } catch (error) {
        throw toOpError(op, error);
      }
    },
    async sweep() {
      try {
        removeUnfinished(pins);
        detachAllOrUnpin(pins);
        removeEmptyFolders(pins);
      } catch (error) {
        throw kernelError(`removing what is left below ${pins.root}`, error);
      }
    },
    async close() {},
  };
}

/** Messages of the kernel that say less than is known here. */
const hints: readonly {
  readonly op: Op['op'];
  /** Of a link that is added. */
  readonly kind?: Link['kind'];
  readonly says: RegExp;
  readonly hint: string;
}[] = [
  {
    op: 'link.set',
    says: /EADDRINUSE|Address already in use/,
    hint: 'Another vxlan device has the UDP port (`ip -details link show type vxlan`): remove it, or choose another Backend.Port.',
  },
  {
    op: 'fou.add',
    says: /Address already in use|Operation already in progress/,
    hint: 'Another process (`ss -ulnp`) or FOU port (`ip fou show`) has the port: stop or remove it, or choose another Backend.Port.',
  },
  {
    op: 'link.add',
    kind: 'fou',
    says: /Unknown device type|not supported|Invalid argument/i,
    hint: 'This kernel lacks the modules ipip or fou: load them, or give --dataplane bpf or user.',
  },
  {
    op: 'link.add',
    says: /Unknown device type|not supported|EOPNOTSUPP/i,
    hint: 'This kernel lacks vxlan with VNI filters: it takes Linux 5.18 or later with CONFIG_VXLAN.',
  },
];

function toOpError(op: Op, error: unknown): TartanError {
  const kind = op.op === 'link.add' ? op.link.kind : undefined;
  const known = hints.find(
    (hint) =>
      hint.op === op.op &&
      (hint.kind === undefined || hint.kind === kind) &&
      hint.says.test(messageOf(error)),
  );
  if (error instanceof TartanError) {
    if (!known) return error;
    return new TartanError(error.code, `${op.op}: ${error.message}`, known.hint, { cause: error });
  }
  return kernelError(op.op, error, known?.hint);
}
