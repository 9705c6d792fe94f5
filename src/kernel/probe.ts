/** Whether the programs can be loaded and attached on this host; reads only. */
import { readFileSync } from 'node:fs';
import { requireBpffs } from '../bpf/bpffs.ts';
import { requireLibrary } from '../bpf/generation.ts';
import { listGenerations, type Pins } from '../bpf/pins.ts';
import { messageOf, TartanError } from '../errors.ts';
import { hasTcx } from '../sys/bpf_links.ts';
import { tryLoad } from '../sys/bpf_probe.ts';
import { hasCapability } from '../sys/capabilities.ts';
import { indexOfInterface } from '../sys/interfaces.ts';
import { SystemError } from '../sys/libc.ts';
import { inNewNamespace } from '../sys/namespaces.ts';
import { readFirstVnis } from '../sys/rtnetlink/vnis.ts';
import { createFilteredVxlan } from '../sys/rtnetlink/vxlan.ts';
import { createClsact } from '../sys/tc.ts';

/** Of a device that is gone at once. */
const MAC = Buffer.from([2, 0, 0, 0, 0, 1]);

/**
 * Why the programs cannot be loaded and attached here; null: nothing that can be told beforehand. The verifier's word
 * comes with the load itself. A matter of two milliseconds, because each join begins with it.
 */
export function probePrograms(bpffs: string, pins: Pins): TartanError | null {
  try {
    requireLibrary();
    requireBpffs(bpffs);
    requireBpf();
  } catch (error) {
    if (error instanceof TartanError) return error;
    throw error;
  }
  // Where there are programs, both questions have been answered.
  if (listGenerations(pins).length > 0) return null;
  return (hasTcx() ? null : findNoClsact()) ?? findNoVniFilter();
}

function requireBpf(): void {
  try {
    tryLoad();
  } catch (cause) {
    if (!(cause instanceof SystemError)) throw cause;
    const status = readFileSync('/proc/self/status', 'utf8');
    if (!hasCapability(status, 'CAP_BPF') && !hasCapability(status, 'CAP_SYS_ADMIN')) {
      throw new TartanError(
        'PERMISSION',
        'not enough privilege for BPF programs: CAP_BPF missing',
        'Run it as root (with sudo), or give the process CAP_BPF.',
        { cause },
      );
    }
    throw new TartanError(
      'MISSING',
      cause.errno === 'ENOSYS'
        ? 'this kernel has no bpf(2)'
        : `the kernel refuses to load BPF programs: ${cause.message}`,
      'It takes a kernel with BPF (CONFIG_BPF_SYSCALL), and no seccomp filter or lockdown that denies bpf(2).',
      { cause },
    );
  }
}

/**
 * The kernel answers for VNI filters (5.18 and later). A module that is not loaded yet does not answer: then a device in a
 * network namespace of its own has it loaded.
 */
function findNoVniFilter(): TartanError | null {
  try {
    readFirstVnis();
    return null;
  } catch (first) {
    return tryElsewhere(
      () => {
        createFilteredVxlan({ name: 'probe', mac: MAC, port: 8472, gbp: false });
        readFirstVnis();
      },
      'no vxlan device with a VNI filter can be had',
      'It takes Linux 5.18 or later with CONFIG_VXLAN.',
      first,
    );
  }
}

/** For kernels before 6.6, which have no TCX. */
function findNoClsact(): TartanError | null {
  return tryElsewhere(
    () => createClsact(requireIndex('lo')),
    'this kernel has no hook to attach programs to: neither TCX nor clsact',
    'It takes Linux 6.6 or later, or CONFIG_NET_SCH_INGRESS and CONFIG_NET_CLS_BPF.',
  );
}

/** Does something in a network namespace of its own; null: it has succeeded. */
function tryElsewhere(
  act: () => void,
  lack: string,
  hint: string,
  first?: unknown,
): TartanError | null {
  try {
    inNewNamespace(act);
    return null;
  } catch (cause) {
    return new TartanError('MISSING', `${lack}: ${messageOf(first ?? cause)}`, hint, { cause });
  }
}

function requireIndex(name: string): number {
  const index = indexOfInterface(name);
  if (index === undefined) throw new Error(`there is no device ${name}`);
  return index;
}
