/** Boots another kernel with this machine's own files, runs a command there, and says how it ended. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { start } from '../process.ts';
import { qemuCommand } from './qemu.ts';
import { type GuestFiles, KERNEL, prepareGuestFiles, type RunFolder } from './share.ts';

export interface GuestOptions {
  /** Unique within the run; the host name. */
  readonly name: string;
  /** A script for bash, run as root in the checkout's folder. */
  readonly command: string;
  /** From the boot on; a guest that takes longer is killed. */
  readonly limitSeconds: number;
  /** Default 2048. */
  readonly memoryMegabytes?: number;
  onStdout(text: string): void;
  onStderr(text: string): void;
}

export interface GuestResult {
  readonly code: number;
  /** All that its kernel has said. */
  readonly kernelLog: string;
}

/** A guest that did not come to the end of its command. */
export class GuestError extends Error {
  constructor(name: string, reason: string, console: string) {
    const said = console.replaceAll('\r', '').trimEnd() || '(nothing)';
    super(`guest ${name}: ${reason}; its kernel's last words:\n${said.replace(/^/gm, '  ')}`);
    this.name = 'GuestError';
  }
}

/**
 * Runs a command to its end. Whatever it writes into files is gone afterwards, except below `/run/vm`, which is the
 * run's share.
 *
 * @throws GuestError after a hang or a panic, with what the kernel said
 */
export async function runInGuest(run: RunFolder, options: GuestOptions): Promise<GuestResult> {
  const { name, limitSeconds, memoryMegabytes = 2048 } = options;
  const files = prepareGuestFiles(run, name);
  writeFileSync(files.command, options.command);
  const output = { stdout: `${run.path}/${name}.stdout`, stderr: `${run.path}/${name}.stderr` };
  const received = [
    receive(output.stdout, options.onStdout),
    receive(output.stderr, options.onStderr),
  ];
  await Promise.all(received.map(({ listening }) => listening));

  const { console } = files;
  const argv = qemuCommand({
    name,
    kernel: KERNEL,
    memoryMegabytes,
    share: run.share,
    console,
    output,
  });
  // A guest does not outlive its master, whatever ends that.
  const qemu = start(['setpriv', '--pdeathsig', 'KILL', ...argv]);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    void qemu.stop('SIGKILL');
  }, limitSeconds * 1000);
  const { code, stderr } = await qemu.ended.finally(() => clearTimeout(timer));
  await Promise.all(received.map(({ finish }) => finish()));

  if (late) throw new GuestError(name, `killed after ${limitSeconds} s`, read(console));
  if (code !== 0) throw new GuestError(name, `qemu: exit ${code}: ${stderr.trim()}`, read(console));
  return resultOf(name, files);
}

/** @throws GuestError if the guest was not switched off in order */
export function resultOf(name: string, files: GuestFiles): GuestResult {
  if (!existsSync(files.exit)) throw new GuestError(name, 'died', read(files.console));
  return { code: Number(read(files.exit)), kernelLog: read(files.kernelLog) };
}

function read(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

/** Takes what qemu sends to a socket, until it closes. */
function receive(path: string, onText: (text: string) => void) {
  const listening = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  let connected = false;
  const server = createServer((socket) => {
    connected = true;
    socket.setEncoding('utf8').on('data', onText);
    socket.once('error', ended.resolve).once('close', () => ended.resolve());
  });
  server.once('error', listening.reject).listen(path, listening.resolve);
  return {
    listening: listening.promise,
    async finish(): Promise<void> {
      server.close();
      if (connected) await ended.promise;
    },
  };
}
