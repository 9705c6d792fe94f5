import { TartanError } from '../errors.ts';
import { hasCapability } from '../sys/capabilities.ts';

/**
 * Makes sure that the process may change links, before anything is changed. Whether it may load programs, the kernel
 * room probes: without that right there is kernel mode.
 * @param status the text of /proc/self/status (proc_pid_status(5))
 * @throws TartanError `PERMISSION`
 */
export function requireCapabilities(status: string): void {
  if (hasCapability(status, 'CAP_NET_ADMIN')) return;
  throw new TartanError(
    'PERMISSION',
    'not enough privilege: CAP_NET_ADMIN missing',
    'Run it as root (with sudo), or give the process these capabilities.',
  );
}
