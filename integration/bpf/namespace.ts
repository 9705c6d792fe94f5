/** A network namespace without a name: gone with the process, whatever ends it. */
import { closeSync, openSync } from 'node:fs';
import { checked, libc } from '../../src/sys/libc.ts';

/** <linux/sched.h> */
const CLONE_NEWNET = 0x4000_0000;

const unshare = libc.func('int unshare(int)') as (flags: number) => number;
const setns = libc.func('int setns(int, int)') as (fd: number, type: number) => number;

/** Puts this thread, and the children that it starts, into a new one until the result is disposed. */
export function enterNewNamespace(): Disposable {
  const home = openSync('/proc/thread-self/ns/net', 'r');
  try {
    checked('unshare', unshare(CLONE_NEWNET));
  } catch (error) {
    closeSync(home);
    throw error;
  }
  return {
    [Symbol.dispose]() {
      checked('setns', setns(home, CLONE_NEWNET));
      closeSync(home);
    },
  };
}
