import { hasTun } from '../kernel/requirements.ts';
import { lacks } from '../lifecycle/support.ts';

/** For `describe(…, { skip })`: false, or what this machine lacks. Where CI=true a skipped test is a failure. */
export function missing(...commands: readonly string[]): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!hasTun()) return 'needs /dev/net/tun';
  return lacks('cc', 'make', 'clang', 'ip', 'ping', 'ethtool', 'nsenter', ...commands);
}
