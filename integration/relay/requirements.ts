import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { lacks } from '../lifecycle/support.ts';

const TUN = '/dev/net/tun';

/** For `describe(…, { skip })`: false, or what this machine lacks. Where CI=true a skipped test is a failure. */
export function missing(...commands: readonly string[]): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  // Where it is a module, the device is there before it is loaded only if udev runs.
  if (!existsSync(TUN)) spawnSync('modprobe', ['tun']);
  if (!existsSync(TUN)) return `needs ${TUN}`;
  return lacks('cc', 'make', 'clang', 'ip', 'ping', 'ethtool', 'nsenter', ...commands);
}
