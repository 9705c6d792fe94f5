/** Other network namespaces, for what this thread does there at once: a process takes its namespace from the thread. */
import { closeSync, openSync } from 'node:fs';
import { checked, libc } from '../src/sys/libc.ts';
import { namespacePath } from './names.ts';

const CLONE_NEWNET = 0x40000000;

const setns = libc.func('int setns(int, int)') as (fd: number, kind: number) => number;

let own: number | undefined;

/**
 * What `act`, which must not wait for anything, does in a namespace: it opens a socket there, or a file of
 * /proc/thread-self/net, or starts a process.
 */
export function inside<T>(namespace: string, act: () => T): T {
  own ??= openSync('/proc/thread-self/ns/net', 'r');
  enterNetwork(namespacePath(namespace));
  try {
    return act();
  } finally {
    checked('setns', setns(own, CLONE_NEWNET));
  }
}

/** This thread, and what it starts, is in another network namespace from now on. */
export function enterNetwork(path: string): void {
  const fd = openSync(path, 'r');
  try {
    checked(`setns ${path}`, setns(fd, CLONE_NEWNET));
  } finally {
    closeSync(fd);
  }
}
