import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { builtObject, readBuild } from '../../src/bpf/object_file.ts';
import { hasTcx } from '../../src/sys/bpf_links.ts';
import { lacks } from '../lifecycle/support.ts';

/** For `describe(…, { skip })`: false, or what this machine lacks. Where CI=true a skipped test is a failure. */
export function missing(): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  if (readBuild(builtObject) === null) return 'needs build/bpf/vxlan.o (make bpf)';
  return lacks('ip', 'bridge', 'ping', 'nsenter');
}

/** For tests of what only TCX links have. */
export const needsTcx = { skip: hasTcx() ? false : 'this kernel has no TCX (Linux 6.6)' };

/** What a skip says of what Debian's stock kernel has: scripts/test.sh counts it apart. */
const TESTED_ELSEWHERE = 'make test-kernel tests it on one that has';

/** Of udp in kernel mode: false, or what this kernel lacks. Loads its modules. */
export function missingFou(): string | false {
  spawnSync('modprobe', ['--all', 'fou', 'ipip']);
  const { status } = spawnSync('ip', ['fou', 'show'], { stdio: 'ignore' });
  return status !== 0 && `this kernel has no FOU: ${TESTED_ELSEWHERE}`;
}

const TUN = '/dev/net/tun';

/** Where TUN devices come with a module, the file is there before that is loaded only if udev runs. */
export function hasTun(): boolean {
  if (!existsSync(TUN)) spawnSync('modprobe', ['tun']);
  return existsSync(TUN);
}
