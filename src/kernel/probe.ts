/** Whether the programs can be loaded and attached on this host; reads only. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { requireBpffs } from '../bpf/bpffs.ts';
import { requireLibrary } from '../bpf/generation.ts';
import { listGenerations, type Pins } from '../bpf/pins.ts';
import { messageOf, TartanError } from '../errors.ts';
import { hasTcx } from '../sys/bpf_links.ts';
import { tryLoad } from '../sys/bpf_probe.ts';
import { hasCapability } from '../sys/capabilities.ts';
import { SystemError } from '../sys/libc.ts';
import { readJson } from './iproute.ts';

/**
 * Why the programs cannot be loaded and attached here; null: nothing that can be told beforehand. The verifier's word
 * comes with the load itself. A matter of two milliseconds, because each join begins with it.
 * @throws TartanError `MISSING` if iproute2 is missing, without which nothing goes
 */
export async function probePrograms(bpffs: string, pins: Pins): Promise<TartanError | null> {
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
  return (hasTcx() ? null : await findNoClsact()) ?? (await findNoVniFilter());
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
 * The kernel answers for VNI filters (5.18 and later), and iproute2 can ask. A module that is not loaded yet does not
 * answer: then a device in a network namespace of its own, which ends with the process, has it loaded.
 */
async function findNoVniFilter(): Promise<TartanError | null> {
  try {
    await readJson('bridge', 'vni', 'show');
    return null;
  } catch (first) {
    if (first instanceof TartanError && first.code === 'MISSING') throw first;
    const script = 'ip link add probe type vxlan external dstport 8472 && bridge -json vni show';
    const failure = await tryElsewhere(script);
    if (failure === null) return null;
    return new TartanError(
      'MISSING',
      `no vxlan device with a VNI filter can be had: ${messageOf(first)}`,
      'It takes Linux 5.18 or later with CONFIG_VXLAN, and iproute2 5.18 or later.',
      { cause: failure },
    );
  }
}

/** For kernels before 6.6, which have no TCX. */
async function findNoClsact(): Promise<TartanError | null> {
  const failure = await tryElsewhere('tc qdisc add dev lo clsact');
  if (failure === null) return null;
  return new TartanError(
    'MISSING',
    `this kernel has no hook to attach programs to: neither TCX nor clsact (${messageOf(failure)})`,
    'It takes Linux 6.6 or later, or CONFIG_NET_SCH_INGRESS and CONFIG_NET_CLS_BPF.',
    { cause: failure },
  );
}

/** Runs lines of sh in a network namespace of their own, which ends with them; null: they have succeeded. */
async function tryElsewhere(script: string): Promise<Error | null> {
  return promisify(execFile)('unshare', ['--net', 'sh', '-e', '-c', script]).then(
    () => null,
    (error: Error) => error,
  );
}
