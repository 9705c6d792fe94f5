import { closeSync, openSync } from 'node:fs';
import { namespacePath } from '../../lab/names.ts';
import type { Namespace } from '../../lab/namespace.ts';
import { checked, libc } from '../../src/sys/libc.ts';

/** <linux/sched.h> */
const CLONE_NEWNET = 0x4000_0000;

const setns = libc.func('int setns(int, int)') as (fd: number, type: number) => number;

/** Puts this thread, and the children that it starts, into another network namespace until the result is disposed. */
export function enterNamespace({ namespace }: Namespace): Disposable {
  const home = openSync('/proc/thread-self/ns/net', 'r');
  const away = openSync(namespacePath(namespace), 'r');
  const enter = (fd: number) => checked('setns', setns(fd, CLONE_NEWNET));
  const closeAll = () => {
    closeSync(away);
    closeSync(home);
  };
  try {
    enter(away);
  } catch (error) {
    closeAll();
    throw error;
  }
  return {
    [Symbol.dispose]() {
      enter(home);
      closeAll();
    },
  };
}

/**
 * Runs `look` inside another network namespace, in this thread and therefore without anything asynchronous: commands
 * that it runs are children of this thread, and are in that namespace too. Cheaper than a process.
 */
export function inNamespace<T>(namespace: Namespace, look: () => T): T {
  using _ = enterNamespace(namespace);
  return look();
}
