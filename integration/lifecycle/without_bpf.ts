/** Ways in which a host cannot have BPF programs, as the beginning of a command line. */
import { mkdirSync, statSync } from 'node:fs';
import { CHECKOUT } from '../../lab/host.ts';
import { run } from '../../lab/process.ts';

const SOURCE = `${import.meta.dirname}/tools/deny_bpf.c`;
const BINARY = `${CHECKOUT}/build/integration/deny_bpf`;

/** Compiles what denies bpf(2), where that has not been done. */
export async function buildDenyBpf(): Promise<void> {
  mkdirSync(`${CHECKOUT}/build/integration`, { recursive: true });
  const modified = (path: string) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (modified(BINARY) > modified(SOURCE)) return;
  await run(['clang', '-O2', '-Wall', '-Werror', '-o', BINARY, SOURCE]);
}

/** A capability that includes CAP_BPF goes too. */
const capabilities = '-bpf,-sys_admin';

export const withoutBpf = {
  capability: `setpriv --bounding-set ${capabilities} --inh-caps ${capabilities} --`,
  permission: `${BINARY} 1`,
  call: `${BINARY} 38`,
} as const;
