import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Loads a module that the kernel does not load by itself, if there is one and it may be loaded; else does nothing. */
export async function loadModule(name: 'fou' | 'tun'): Promise<void> {
  await runShell(['sh', '-c'], `modprobe ${name}`).catch(() => {});
}

/** Finds what an administrator's PATH has, too. */
export async function runShell([command = 'sh', ...argv]: readonly string[], script: string) {
  await promisify(execFile)(command, [...argv, `PATH=$PATH:/usr/sbin:/sbin\n${script}`]);
}
