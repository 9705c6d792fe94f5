import { readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Host } from '../../lab/host.ts';

const PRELOAD = `--import=${import.meta.dirname}/kill_at.ts`;

/** Starts a command that gets the signal in front of its step `killAt`. */
export function startKilled(host: Host, command: string, killAt: number, signal: string) {
  return host.startTartan([command], {
    env: {
      NODE_OPTIONS: PRELOAD,
      TARTAN_TEST_KILL_AT: String(killAt),
      TARTAN_TEST_SIGNAL: signal,
    },
  });
}

/** Runs a command that ends in front of its step `killAt`. */
export function runKilled(host: Host, command: string, killAt: number, signal = 'SIGKILL') {
  return startKilled(host, command, killAt, signal).ended;
}

/** How many steps a command takes that is left alone. */
export async function countSteps(host: Host, command: string): Promise<number> {
  const path = `${dirname(host.subnetFile)}.steps`;
  await host.tartan([command], { env: { NODE_OPTIONS: PRELOAD, TARTAN_TEST_STEPS: path } });
  const steps = Number(readFileSync(path, 'utf8'));
  rmSync(path);
  return steps;
}
