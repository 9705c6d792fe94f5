/** Prometheus's checker of rules and metrics: Debian's package `prometheus` has it. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

/** Where `make setup` puts it: no service comes along. */
const OURS = resolve(import.meta.dirname, '../../build/tools/promtool');

const PROMTOOL = existsSync(OURS) ? OURS : 'promtool';

/** For `{ skip }`: false, or that there is none. */
export const NO_PROMTOOL: string | false =
  spawnSync(PROMTOOL, ['--version']).error !== undefined && 'needs promtool: make promtool';

/** What it has to say; status 3 is what it would name otherwise. */
export function promtool(
  args: readonly string[],
  input = '',
): { readonly status: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync(PROMTOOL, args, { input, encoding: 'utf8' });
  return { status, said: `${stdout}${stderr}` };
}
