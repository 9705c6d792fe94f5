import { FORK_SERVER, startForked } from './forked.ts';
import { namespacePath } from './names.ts';
import type { Namespace } from './namespace.ts';
import { type Running, type RunOptions, type RunResult, waitForEnd } from './process.ts';

/** Starts a script of the tests in a namespace, by Node, or on an emulated machine by a fork of one. */
export function startScript(
  at: Namespace,
  [script, ...args]: readonly [string, ...string[]],
): Running {
  if (FORK_SERVER === undefined) return at.start([process.execPath, script, ...args]);
  return startForked(script, args, { server: FORK_SERVER, network: namespacePath(at.namespace) });
}

/** The same, run to its end. */
export function runScript(
  at: Namespace,
  words: readonly [string, ...string[]],
  options: Pick<RunOptions, 'limitSeconds'> = {},
): Promise<RunResult> {
  return waitForEnd(words, startScript(at, words), options);
}
