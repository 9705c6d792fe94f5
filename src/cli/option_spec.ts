import type { Value } from './values.ts';

/** A process's variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

export type CommandName =
  | 'init-config'
  | 'join'
  | 'renew'
  | 'watch'
  | 'run'
  | 'serve'
  | 'status'
  | 'lease'
  | 'endpoint'
  | 'teardown'
  | 'docker-opts'
  | 'relay'
  | 'bench';

/** One option: a flag, and a variable named after it. */
export interface OptionSpec<T, D> {
  readonly value: Value<T>;
  /** What holds when neither the flag nor the variable is given. */
  readonly initial: D;
  readonly help: string;
  readonly commands: readonly CommandName[];
  readonly short?: string;
  /** The commands that have the short form; absent: all of them. */
  readonly shortIn?: readonly CommandName[];
}

/** Those that open a store. */
export const WITH_STORE: readonly CommandName[] = [
  'init-config',
  'join',
  'renew',
  'watch',
  'run',
  'status',
  'lease',
  'teardown',
];
/** Those that open one in etcd or a file: a server offers no other server's. */
export const WITH_OWN_STORE: readonly CommandName[] = [...WITH_STORE, 'serve'];
/** Those that offer a store to others: `run` does as flanneld. */
export const SERVING: readonly CommandName[] = ['run', 'serve'];
/** Those that print errors and logs: all. */
export const EVERY: readonly CommandName[] = [
  ...WITH_OWN_STORE,
  'endpoint',
  'docker-opts',
  'relay',
  'bench',
];
export const HOST: readonly CommandName[] = ['join', 'watch', 'run', 'status', 'teardown'];
export const JOINED: readonly CommandName[] = [
  'join',
  'renew',
  'watch',
  'run',
  'status',
  'lease',
  'endpoint',
  'teardown',
];
export const NODE: readonly CommandName[] = ['join', 'watch', 'run'];
/** And what only looks, as they would. */
export const LOOKING: readonly CommandName[] = [...NODE, 'status'];
