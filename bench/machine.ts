import { spawnSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';

/** Where and when figures were taken. */
export interface Machine {
  readonly cpu: string;
  readonly cpuCount: number;
  readonly memoryGigabytes: number;
  /** `6.18.44`: not what its builder has put behind it. */
  readonly kernel: string;
  /** ISO 8601, the day. */
  readonly date: string;
  /** Of the checkout; with a + where it had changes of its own. */
  readonly commit: string;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cpuCount: cpus().length,
    memoryGigabytes: Math.round(totalmem() / 2 ** 30),
    kernel: release().replace(/-.*/, ''),
    date: new Date().toISOString().slice(0, 10),
    commit: describeCommit(),
  };
}

/** What a run itself writes. */
const OWN = [':!/docs/benchmarks.md', ':!/docs/benchmarks.svg'];

function describeCommit(): string {
  const commit = git('rev-parse', '--short=12', 'HEAD');
  if (commit === null) return 'unknown';
  const changes = git('status', '--porcelain', '--untracked-files=no', '--', ':/', ...OWN);
  return changes === '' ? commit : `${commit}+`;
}

/** Null: there is no git, or this is no checkout of it. */
function git(...argv: string[]): string | null {
  // As root in somebody else's checkout, git asks whether it may trust it.
  const trusted = ['-c', 'safe.directory=*', '-C', import.meta.dirname];
  const { status, stdout } = spawnSync('git', [...trusted, ...argv], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}
