import { inNamespace } from './in_namespace.ts';
import {
  type Environment,
  type Running,
  type RunOptions,
  type RunResult,
  type StartOptions,
  start,
  waitForEnd,
} from './process.ts';

/** A network namespace to run commands in. Files, mounts and processes are shared with the machine. */
export interface Namespace {
  /** As `ip netns` lists it. */
  readonly namespace: string;
  exec(argv: readonly string[], options?: RunOptions): Promise<RunResult>;
  start(argv: readonly string[], options?: StartOptions): Running;
  /** Runs lines of `sh -e`. */
  shell(script: string, options?: RunOptions): Promise<RunResult>;
}

/** `env` is added to the environment of every command. */
export function namespaceNamed(namespace: string, env: Environment = {}): Namespace {
  const withEnv = <T extends StartOptions>(options: T | undefined) => ({
    ...options,
    env: { ...env, ...options?.env },
  });
  // Not `ip netns exec`: it mounts /sys anew, and bpffs and cgroups are gone.
  const startHere: Namespace['start'] = (argv, options) =>
    inNamespace({ namespace }, () => start(argv, withEnv(options)));
  const exec: Namespace['exec'] = async (argv, options = {}) =>
    await waitForEnd(argv, startHere(argv, options), options);
  return {
    namespace,
    exec,
    start: startHere,
    shell: (script, options) => exec(['sh', '-e'], { ...options, input: script }),
  };
}
