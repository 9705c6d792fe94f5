/** The folder that a guest shares with the machine outside: what it is to do, and what it leaves. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHECKOUT } from '../host.ts';
import { forgetCleanup, onInterrupt } from '../interrupt.ts';

/** `scripts/vm/kernel.sh` makes it. */
export const KERNEL = `${CHECKOUT}/build/vm/kernel`;

export interface RunFolder extends AsyncDisposable {
  readonly path: string;
  /** `/run/vm` in every guest of this run. */
  readonly share: string;
}

/** A folder for one run, gone with it. Short, because paths of Unix sockets are. */
export function makeRunFolder(): RunFolder {
  const path = mkdtempSync(join(tmpdir(), 'tartan-vm-'));
  const remove = async () => rmSync(path, { recursive: true, force: true });
  onInterrupt(path, remove);
  const share = `${path}/share`;
  mkdirSync(share);
  writeFileSync(`${share}/checkout`, CHECKOUT);
  return {
    path,
    share,
    async [Symbol.asyncDispose]() {
      await remove();
      forgetCleanup(path);
    },
  };
}

/** What one guest reads and writes; names as in scripts/vm/guest.sh. */
export interface GuestFiles {
  readonly command: string;
  readonly interactive: string;
  readonly exit: string;
  readonly kernelLog: string;
  /** Outside the share. */
  readonly console: string;
}

export function prepareGuestFiles(run: RunFolder, name: string): GuestFiles {
  const folder = `${run.share}/${name}`;
  mkdirSync(folder);
  writeFileSync(`${folder}/environment.sh`, environmentScript(process.env));
  return {
    command: `${folder}/command.sh`,
    interactive: `${folder}/interactive`,
    exit: `${folder}/exit`,
    kernelLog: `${folder}/dmesg`,
    console: `${run.path}/${name}.console`,
  };
}

/** What a command in the guest is to know of the world outside. */
const PASSED_ON = ['CI', 'TERM', 'NO_COLOR', 'FORCE_COLOR'];

function environmentScript(env: NodeJS.ProcessEnv): string {
  // Node itself is not asked for its version again, which takes a second there.
  const variables = [...PASSED_ON.map((name) => [name, env[name]]), ['node', process.execPath]];
  return variables
    .flatMap(([name, value]) =>
      value === undefined ? [] : [`export ${name}='${value.replaceAll("'", "'\\''")}'\n`],
    )
    .join('');
}
