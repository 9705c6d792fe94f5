import { TartanError } from '../errors.ts';

/** linux/capability.h */
const CAP_NET_ADMIN = 12n;
const CAP_SYS_ADMIN = 21n;
const CAP_BPF = 39n;

/**
 * Makes sure that the process may change links and load programs, before anything is changed.
 * @param status the text of /proc/self/status (proc_pid_status(5)); its `CapEff` line is what counts
 * @throws TartanError `PERMISSION`
 */
export function requireCapabilities(status: string): void {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const has = (capability: bigint) => ((effective >> capability) & 1n) === 1n;
  const missing = [
    has(CAP_NET_ADMIN) ? [] : ['CAP_NET_ADMIN'],
    has(CAP_BPF) || has(CAP_SYS_ADMIN) ? [] : ['CAP_BPF'],
  ].flat();
  if (missing.length === 0) return;
  throw new TartanError(
    'PERMISSION',
    `not enough privilege: ${missing.join(' and ')} missing`,
    'Run it as root (with sudo), or give the process these capabilities.',
  );
}
