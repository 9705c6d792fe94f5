import { resolve } from 'node:path';
import { FORK_SERVER, startForked } from './forked.ts';
import { namespacePath } from './names.ts';
import { namespaceNamed } from './namespace.ts';
import {
  type Environment,
  type Running,
  type RunOptions,
  type RunResult,
  type StartOptions,
  waitForEnd,
} from './process.ts';

/** The launcher of the commands under test. */
export const TARTAN = resolve(import.meta.dirname, '../bin/tartan');

/** What the launcher hands over to. */
export const TARTAN_SCRIPT = resolve(import.meta.dirname, '../cmd/tartan.ts');

/** `tartan` in a namespace. */
export interface Tartan {
  run(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  start(args: readonly string[], options?: StartOptions): Running;
}

/** `env` is added to the environment of every command. */
export function tartanIn(namespace: string, env: Environment): Tartan {
  const { exec, start } = namespaceNamed(namespace, env);
  if (FORK_SERVER === undefined) {
    return {
      run: (args, options) => exec([TARTAN, ...args], options),
      start: (args, options) => start([TARTAN, ...args], options),
    };
  }
  const target = { server: FORK_SERVER, network: namespacePath(namespace) };
  const fork: Tartan['start'] = (args, options) =>
    startForked(TARTAN_SCRIPT, args, { ...options, ...target, env: { ...env, ...options?.env } });
  return {
    run: (args, options = {}) =>
      inTurn(() => waitForEnd(['tartan', ...args], fork(args, options), options)),
    start: fork,
  };
}

/** Many at once on one slow CPU would let each other's requests to a store time out. */
const MOST_AT_ONCE = 2;

const waiting: (() => void)[] = [];
let runningNow = 0;

async function inTurn<T>(act: () => Promise<T>): Promise<T> {
  if (runningNow >= MOST_AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
  else runningNow++;
  try {
    return await act();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else runningNow--;
  }
}
