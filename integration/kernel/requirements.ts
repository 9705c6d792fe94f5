import { builtObject, readBuild } from '../../src/bpf/object_file.ts';
import { lacks } from '../lifecycle/support.ts';

/** For `describe(…, { skip })`: false, or what this machine lacks. Where CI=true a skipped test is a failure. */
export function missing(): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  if (readBuild(builtObject) === null) return 'needs build/bpf/vxlan.o (make bpf)';
  return lacks('ip', 'bridge', 'ping', 'nsenter');
}
