import type { LabOptions, StoreKind, Underlay } from './options.ts';

/** The lab that `make lab HOSTS=5 STORE=etcd UNDERLAY=routed MTU=9000` means; empty variables count as not given. */
export function labFromEnvironment(env: NodeJS.ProcessEnv): LabOptions {
  return {
    name: labNameFromEnvironment(env),
    ...given('hosts', number(env, 'HOSTS')),
    ...given('underlay', text(env, 'UNDERLAY') as Underlay | undefined),
    ...given('mtu', number(env, 'MTU')),
    ...given('pathMtu', number(env, 'PATH_MTU')),
    ...given('wire', text(env, 'WIRE') === undefined ? undefined : text(env, 'WIRE') !== '0'),
    ...given('store', text(env, 'STORE') as StoreKind | undefined),
  };
}

/** `LAB`, or `lab`. */
export function labNameFromEnvironment(env: NodeJS.ProcessEnv): string {
  return text(env, 'LAB') ?? 'lab';
}

function text(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return env[name]?.trim() || undefined;
}

function number(env: NodeJS.ProcessEnv, name: string): number | undefined {
  const value = text(env, name);
  if (value === undefined) return undefined;
  if (!/^\d+$/.test(value)) throw new Error(`${name}=${value}: must be a whole number`);
  return Number(value);
}

function given<K extends string, T>(key: K, value: T | undefined): { [key in K]?: T } {
  return value === undefined ? {} : ({ [key]: value } as { [key in K]: T });
}
