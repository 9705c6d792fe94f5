/** What the kernel said meanwhile. It is one for all namespaces: others bring interfaces up and down at the same time. */
import { execFileSync } from 'node:child_process';

const CONCERNS = /warn|bug|oops|trace|martian|csum|checksum|corrupt|invalid|vxlan:|bpf|skb/i;

/** What the kernel's device says of outer and inner ECN that do not fit (RFC 6040), at most ten times in five seconds. */
const OF_ECN = /vxlan: (non-)?ECT/;

function readLog(): string[] {
  return execFileSync('dmesg', { encoding: 'utf8', maxBuffer: 64 << 20 }).split('\n');
}

/**
 * Afterwards, returns the new lines that concern packets.
 * @param withEcn `false` where the kernel's device decapsulates packets of all kinds of ECN
 */
export function watchKernelLog(withEcn = true): () => string[] {
  const last = readLog()
    .filter((line) => line !== '')
    .at(-1);
  return () => {
    const log = readLog();
    const start = last === undefined ? 0 : log.lastIndexOf(last) + 1;
    return log
      .slice(start)
      .filter((line) => CONCERNS.test(line) && (withEcn || !OF_ECN.test(line)));
  };
}
