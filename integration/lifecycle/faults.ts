import { readFileSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { getSystemErrorMessage } from 'node:util';
import type { Host } from '../../lab/host.ts';
import type { Environment } from '../../lab/process.ts';

export const PRELOAD = `--import=${import.meta.dirname}/fault_at.ts`;

/** A signal in front of a step or behind it, or what the step fails with. */
export type Fault = `${'SIGKILL' | 'SIGINT' | 'SIGTERM' | 'SIGSTOP'} ${'before' | 'after'}` | Errno;

export const ERRNOS = ['EPERM', 'ENOSPC', 'ENOMEM'] as const;
export type Errno = (typeof ERRNOS)[number];

/** For a command that meets the fault at its step of that number. */
export function faultEnv(fault: Fault, at: number): Environment {
  return {
    NODE_OPTIONS: PRELOAD,
    TARTAN_TEST_FAULT: fault,
    TARTAN_TEST_FAULT_AT: String(at),
  };
}

/** Starts a command that meets the fault at its step of that number. */
export function startFaulty(host: Host, command: string, fault: Fault, at: number) {
  return host.startTartan([command], { env: faultEnv(fault, at) });
}

/** Runs a command that meets the fault at its step of that number. */
export function runFaulty(host: Host, command: string, fault: Fault, at: number) {
  return startFaulty(host, command, fault, at).ended;
}

export interface Step {
  /** From 1. */
  readonly number: number;
  readonly name: string;
}

/** The steps that a command takes which is left alone. */
export async function stepsOf(host: Host, command: string, env: Environment = {}): Promise<Step[]> {
  const path = `${dirname(host.subnetFile)}.steps`;
  await host.tartan([command], { env: { ...env, NODE_OPTIONS: PRELOAD, TARTAN_TEST_STEPS: path } });
  return takeSteps(path);
}

/** Those of them that are requests to etcd. */
export async function requestsOf(host: Host, command: string): Promise<Step[]> {
  return (await stepsOf(host, command)).filter(({ name }) => name.startsWith('/etcdserverpb.'));
}

/** Reads what TARTAN_TEST_STEPS has named, and removes it. */
export function takeSteps(path: string): Step[] {
  const names = readFileSync(path, 'utf8').trimEnd().split('\n');
  rmSync(path);
  return names.map((name, index) => ({ number: index + 1, name }));
}

/** One for each step, so that all have their turn. */
export function errnoAt({ number }: Step): Errno {
  return ERRNOS[number % ERRNOS.length] as Errno;
}

/** How a command tells of it: by its name, the kernel's words for it, or the store's. */
export function reasonOf(errno: Errno): RegExp {
  const words = getSystemErrorMessage(-constants.errno[errno]);
  return new RegExp(`(?:${errno}|${words}|no space left)`);
}

/**
 * What does no harm when it fails: an empty folder that stays, a link that cannot be detached for want of the right to
 * bpf(2), which goes with its pin, and a grant that is not given back, which ends by itself.
 */
export function isHarmless(name: string, errno: Errno): boolean {
  if (name === 'LINK_DETACH' || name.startsWith('rmdirSync ')) return errno === 'EPERM';
  return name.startsWith('rmdir ') || name.endsWith('/LeaseRevoke');
}
