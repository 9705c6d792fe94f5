/** Runs the launcher as a user does. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

export const LAUNCHER = join(import.meta.dirname, '../../bin/tartan');

export interface Run {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number | null;
}

export interface RunSettings {
  readonly command?: string;
  readonly cwd?: string;
  /** Instead of the test's own environment, PATH aside. */
  readonly environment?: Record<string, string>;
  readonly stdin?: string;
  readonly uid?: number;
}

export async function runTartan(argv: readonly string[], settings: RunSettings = {}): Promise<Run> {
  const { command = LAUNCHER, cwd, environment, stdin = '', uid } = settings;
  const child = spawn(command, argv, {
    env: { PATH: process.env.PATH ?? '', ...environment },
    ...(cwd !== undefined && { cwd }),
    ...(uid !== undefined && { uid, gid: uid }),
  });
  child.stdin.on('error', () => {}); // A command that fails early does not read it.
  child.stdin.end(stdin);
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { stdout, stderr, status };
}

/** A folder that is gone when the test is over. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'tartan-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
