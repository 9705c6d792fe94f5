import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';

/** Where and when figures were taken. */
export interface Machine {
  readonly cpu: string;
  readonly cpuCount: number;
  readonly memoryGigabytes: number;
  readonly kernel: string;
  /** ISO 8601, the day. */
  readonly date: string;
  /** Of the checkout; with a + where it had changes of its own. */
  readonly commit: string;
}

export function describeMachine(): Machine {
  const git = (...argv: string[]) =>
    execFileSync('git', ['-C', import.meta.dirname, ...argv], { encoding: 'utf8' }).trim();
  const dirty = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+';
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cpuCount: cpus().length,
    memoryGigabytes: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    date: new Date().toISOString().slice(0, 10),
    commit: `${git('rev-parse', '--short=12', 'HEAD')}${dirty}`,
  };
}
