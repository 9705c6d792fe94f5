/** Network namespaces as /proc shows them. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * Whether a network namespace is known to live: something is mounted on it (`ip netns`, container runtimes), or a
 * process is in it. One that only another mount and process namespace knows of is not seen.
 */
export function isNamespaceAlive(inode: number): boolean {
  const name = `net:[${inode}]`;
  // proc_pid_mountinfo(5): the fourth field is the root of the mount, for nsfs the namespace's name.
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  if (mounts.some((line) => line.split(' ')[3] === name)) return true;
  return readdirSync('/proc').some((pid) => /^\d+$/.test(pid) && namespaceOf(pid) === name);
}

/** null: the process has ended, or is not ours to look at. */
function namespaceOf(pid: string): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return null;
  }
}
