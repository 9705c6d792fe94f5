/** The user's own command that is run when this host's subnet has become another: `--on-subnet-change`. */
import { spawn } from 'node:child_process';
import { type SubnetEnv, subnetVariables } from '../lease/subnet_env.ts';
import { formatPrefix, type Prefix } from '../net/prefix.ts';

/** After so long the command and what it has started get SIGTERM, and SIGKILL a little later. */
export const HOOK_LIMIT_SECONDS = 30;
const KILL_AFTER_SECONDS = 2;

export interface SubnetHook {
  /** For `sh -c`. */
  readonly command: string;
  /** Beside what tells of the change. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly limitSeconds: number;
}

export interface SubnetChange {
  readonly former: Prefix;
  /** What subnet.env says now. */
  readonly current: SubnetEnv;
}

/**
 * Runs the command to its end, with TARTAN_OLD_SUBNET, TARTAN_NEW_SUBNET and what is in subnet.env. What it prints goes
 * to stderr. Never rejects.
 * @returns what went wrong, for people; null: nothing
 */
export function runSubnetHook(
  { command, environment, limitSeconds }: SubnetHook,
  change: SubnetChange,
  signal: AbortSignal,
): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const failed = (how: string) => resolve(`--on-subnet-change: ${command} ${how}`);
  // timeout(1) ends the whole process group, which a signal to the shell alone would not.
  const argv = [`--kill-after=${KILL_AFTER_SECONDS}`, String(limitSeconds), 'sh', '-c', command];
  const child = spawn('timeout', argv, {
    env: { ...environment, ...variablesOf(change) },
    stdio: ['ignore', 2, 2],
    signal,
    killSignal: 'SIGTERM',
  });
  child.once('error', (error) => {
    if (signal.aborted) resolve(null);
    else failed(`cannot be run: ${error.message}`);
  });
  child.once('close', (code, by) => {
    if (code === 0 || signal.aborted) resolve(null);
    else if (code === 124 || by === 'SIGKILL') failed(`was ended after ${limitSeconds} s`);
    else failed(code === null ? `was ended by ${by}` : `ended with ${code}`);
  });
  return promise;
}

/**
 * Runs the command beside everything else, and never twice at once: one change after the other.
 * @param onFailure is told what went wrong
 */
export function createHookQueue(
  hook: SubnetHook | null,
  signal: AbortSignal,
  onFailure: (message: string) => void,
): (change: SubnetChange | null) => void {
  let last: Promise<void> = Promise.resolve();
  return (change) => {
    if (hook === null || change === null) return;
    last = last.then(async () => {
      if (signal.aborted) return;
      const failure = await runSubnetHook(hook, change, signal);
      if (failure !== null) onFailure(failure);
    });
  };
}

function variablesOf({ former, current }: SubnetChange): Record<string, string> {
  return {
    TARTAN_OLD_SUBNET: formatPrefix(former),
    TARTAN_NEW_SUBNET: formatPrefix(current.subnet),
    ...subnetVariables(current),
  };
}
