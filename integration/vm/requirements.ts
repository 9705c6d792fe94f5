import { existsSync } from 'node:fs';
import { KERNEL } from '../../lab/vm/share.ts';

/** For `describe(…, { skip })`: false, or what this machine lacks. Where CI=true a skipped test is a failure. */
export function missing(): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  if (process.arch !== 'x64') return `emulates x64 only, and this is ${process.arch}`;
  return !existsSync(`${KERNEL}/initramfs`) && 'needs a kernel: scripts/setup.sh vm';
}
