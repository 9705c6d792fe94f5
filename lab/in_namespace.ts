/** Other network namespaces, for what this thread does there: a process that it starts takes its namespace from it. */
import { closeSync, openSync } from 'node:fs';
import * as namespaces from '../src/sys/namespaces.ts';
import { namespacePath } from './names.ts';

interface Named {
  readonly namespace: string;
}

/** Puts this thread, and the children that it starts, into another network namespace for good. */
export function moveInto(path: string): void {
  const fd = openSync(path, 'r');
  try {
    namespaces.enterNamespace(fd, `setns ${path}`);
  } finally {
    closeSync(fd);
  }
}

/** The same until the result is disposed. */
export function enterNamespace({ namespace }: Named): Disposable {
  return awayFromHome(() => moveInto(namespacePath(namespace)));
}

/** Puts this thread into a new one without a name until the result is disposed: gone with the process, whatever ends it. */
export function enterNewNamespace(): Disposable {
  return awayFromHome(namespaces.enterNewNamespace);
}

function awayFromHome(leave: () => void): Disposable {
  const home = namespaces.openOwnNamespace();
  try {
    leave();
  } catch (error) {
    closeSync(home);
    throw error;
  }
  return {
    [Symbol.dispose]() {
      namespaces.enterNamespace(home);
      closeSync(home);
    },
  };
}

/**
 * Runs `look` inside another network namespace, in this thread and therefore without anything asynchronous: commands
 * that it runs are children of this thread, and are in that namespace too. Cheaper than a process.
 */
export function inNamespace<T>(namespace: Named, look: () => T): T {
  using _ = enterNamespace(namespace);
  return look();
}
