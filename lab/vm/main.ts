/** `make vm CMD='uname -a'`: a command on another kernel, with this machine's files; without CMD, a shell. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { interrupted, runMain } from '../interrupt.ts';
import { resultOf, runInGuest } from './guest.ts';
import { qemuCommand } from './qemu.ts';
import { KERNEL, makeRunFolder, prepareGuestFiles, type RunFolder } from './share.ts';

await runMain(async () => {
  await using run = makeRunFolder();
  const command = process.env.CMD;
  process.exitCode = command ? await runCommand(run, command) : await openShell(run);
});

async function runCommand(run: RunFolder, command: string): Promise<number> {
  const { code } = await runInGuest(run, {
    name: 'vm',
    command,
    limitSeconds: limitSeconds(),
    onStdout: (text) => process.stdout.write(text),
    onStderr: (text) => process.stderr.write(text),
  });
  return code;
}

/** Not `start()`: a shell needs this process's terminal, and so its process group. */
async function openShell(run: RunFolder): Promise<number> {
  const files = prepareGuestFiles(run, 'vm');
  const { rows = 24, columns = 80 } = process.stdout;
  writeFileSync(files.interactive, `rows ${rows} cols ${columns}\n`);
  const argv = qemuCommand({
    ...{ name: 'vm', kernel: KERNEL, memoryMegabytes: 2048, output: null },
    ...{ share: run.share, console: files.console },
  });
  const qemu = spawn('setpriv', ['--pdeathsig', 'KILL', ...argv], { stdio: 'inherit' });
  interrupted.addEventListener('abort', () => qemu.kill());
  await once(qemu, 'exit');
  return resultOf('vm', files).code;
}

/** LIMIT, in seconds. */
function limitSeconds(): number {
  const text = process.env.LIMIT || '600';
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`LIMIT=${text}: must be seconds, a whole number`);
  return Number(text);
}
