import { resolve } from 'node:path';
import { FORK_SERVER, startForked } from './forked.ts';
import { namespacePath } from './names.ts';
import { namespaceNamed } from './namespace.ts';
import { type Environment, type RunOptions, type RunResult, waitForEnd } from './process.ts';

/** The launcher of the commands under test. */
export const TARTAN = resolve(import.meta.dirname, '../bin/tartan');

/** `tartan` in a namespace, run to its end; `env` is added to the environment. */
export function tartanIn(namespace: string, env: Environment) {
  const { exec } = namespaceNamed(namespace, env);
  const viaLauncher = (args: readonly string[], options?: RunOptions) =>
    exec([TARTAN, ...args], options);
  if (FORK_SERVER === undefined) return viaLauncher;

  const target = { server: FORK_SERVER, network: namespacePath(namespace) };
  return async (args: readonly string[], options: RunOptions = {}): Promise<RunResult> => {
    const withEnv = { ...options, env: { ...env, ...options.env } };
    const running = startForked(args, { ...target, ...withEnv });
    return await waitForEnd(['tartan', ...args], running, withEnv);
  };
}
