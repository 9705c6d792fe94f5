/** What these tests need of the machine. A test that is skipped for it is a failure where CI=true (scripts/test.sh). */
import { accessSync, constants } from 'node:fs';
import { FORK_SERVER } from '../../lab/forked.ts';
import { createLab, NETWORK_CONFIG } from '../../lab/lab.ts';
import { CommandError } from '../../lab/process.ts';

const COMMANDS = ['clang', 'ip', 'bridge', 'ping', 'ethtool', 'nft', 'traceroute', 'nsenter'];

let found: Promise<string | false> | undefined;

/**
 * For `describe(…, { skip })`: false, or what is missing. Whether the kernel has all that it takes is not asked of its
 * version: one host joins.
 */
export function missing(...commands: readonly string[]): Promise<string | false> {
  const absent = [...COMMANDS, ...commands].filter((command) => !isCommand(command));
  if (absent.length > 0) return Promise.resolve(`needs ${absent.join(' and ')}`);
  if (process.getuid?.() !== 0) return Promise.resolve('needs root');
  // There no skip would be accepted: its kernel is known.
  found ??= FORK_SERVER === undefined ? tryJoin() : Promise.resolve(false);
  return found;
}

function isCommand(name: string): boolean {
  return (process.env.PATH ?? '').split(':').some((folder) => {
    try {
      accessSync(`${folder}/${name}`, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Anything but "this machine lacks something" is for the tests to find. */
async function tryJoin(): Promise<string | false> {
  await using lab = await createLab({ name: 'probe', hosts: 1 });
  const host = lab.host('a');
  await host.tartan(['init-config', '-'], { input: JSON.stringify(NETWORK_CONFIG) });
  try {
    await host.tartan(['join', '--json']);
    return false;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const { code, message } = errorOf(error.result.stdout);
    return code === 'MISSING' ? message : false;
  }
}

function errorOf(stdout: string): { code?: string; message: string } {
  try {
    return (JSON.parse(stdout) as { error: { code: string; message: string } }).error;
  } catch {
    return { message: stdout };
  }
}
