/** Network namespaces: as /proc shows them, those that this thread goes into, and one for a trial. */
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { checked, libc } from './libc.ts';

/** <linux/sched.h> */
const CLONE_NEWNET = 0x4000_0000;

const setns = libc.func('int setns(int, int)') as (fd: number, type: number) => number;
const unshare = libc.func('int unshare(int)') as (flags: number) => number;

/**
 * Puts this thread, and the children that it starts, into the network namespace that a file stands for.
 * @param fd of `/run/netns/NAME`, or of `ns/net` of a process
 * @param what for the error
 * @throws SystemError
 */
export function enterNamespace(fd: number, what = 'setns'): void {
  checked(what, setns(fd, CLONE_NEWNET));
}

/** The same, into one that is made for it. */
export function enterNewNamespace(): void {
  checked('unshare', unshare(CLONE_NEWNET));
}

/** Where this thread is: a file to come back by. */
export function openOwnNamespace(): number {
  return openSync('/proc/thread-self/ns/net', 'r');
}

/**
 * Does something in a network namespace of its own, which is gone afterwards. This thread alone is there meanwhile, so it
 * must not wait for anything.
 * @throws SystemError where no namespace may be made (CAP_SYS_ADMIN)
 */
export function inNewNamespace<T>(act: () => T): T {
  const home = openOwnNamespace();
  try {
    // Where the way back is refused, nobody sets out: in a user namespace, home may be another's.
    enterNamespace(home);
    enterNewNamespace();
    try {
      return act();
    } finally {
      returnTo(home);
    }
  } finally {
    closeSync(home);
  }
}

/** To go on elsewhere would be worse than to end. */
function returnTo(home: number): void {
  try {
    enterNamespace(home);
  } catch {
    process.abort();
  }
}

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
