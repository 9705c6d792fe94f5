import { namespacePath } from './names.ts';
import {
  type Environment,
  type Running,
  type RunOptions,
  type RunResult,
  run,
  type StartOptions,
  start,
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
  // Not `ip netns exec`: it mounts /sys anew, and bpffs and cgroups are gone.
  const enter = ['nsenter', `--net=${namespacePath(namespace)}`, '--'];
  const withEnv = <T extends StartOptions>(options: T | undefined) => ({
    ...options,
    env: { ...env, ...options?.env },
  });
  const exec: Namespace['exec'] = (argv, options) => run([...enter, ...argv], withEnv(options));
  return {
    namespace,
    exec,
    start: (argv, options) => start([...enter, ...argv], withEnv(options)),
    shell: (script, options) => exec(['sh', '-e'], { ...options, input: script }),
  };
}
