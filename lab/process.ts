import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { interrupted, trackCommand } from './interrupt.ts';
import { PATIENCE } from './patience.ts';

/** Added to this process's environment; `undefined` takes a variable away. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface StartOptions {
  /** Written to the command's standard input, which is empty else. */
  readonly input?: string;
  readonly env?: Environment;
  /** Part of a cleanup: goes on although the process was interrupted. */
  readonly evenIfInterrupted?: boolean;
  /** Output goes to this file, and the command outlives this process. */
  readonly logFile?: string;
}

export interface RunOptions extends StartOptions {
  /** The command is killed after so long; default 30. */
  readonly limitSeconds?: number;
  /** An exit status other than 0 is an answer, not an error. */
  readonly mayFail?: boolean;
}

export interface RunResult {
  /** The exit status; 255 if a signal ended the command. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly pid: number;
  /** What it has printed so far. */
  stdout(): string;
  stderr(): string;
  /** Never rejects for an exit status; rejects if the command cannot be started. */
  readonly ended: Promise<RunResult>;
  /** Sends the signal (default SIGTERM), SIGKILL after 3 s, and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<RunResult>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A command that ended with another status than 0. */
export class CommandError extends Error {
  readonly argv: readonly string[];
  readonly result: RunResult;

  constructor(argv: readonly string[], result: RunResult, reason: string) {
    const said = (result.stderr.trim() || result.stdout.trim()).replace(/^/gm, '  ');
    super(`${reason}: ${argv.map(quote).join(' ')}\n${said}`);
    this.name = 'CommandError';
    this.argv = argv;
    this.result = result;
  }
}

/** Runs a command to its end; rejects with `CommandError` unless it exits with 0. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return await waitForEnd(argv, start(argv, options), options);
}

/** The rest of `run` for a command that has been started. */
export async function waitForEnd(
  argv: readonly string[],
  running: Running,
  options: RunOptions,
): Promise<RunResult> {
  const { mayFail = false } = options;
  const limitSeconds = PATIENCE * (options.limitSeconds ?? 30);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    void running.stop('SIGKILL');
  }, limitSeconds * 1000);
  const result = await running.ended.finally(() => clearTimeout(timer));
  if (late) throw new CommandError(argv, result, `not done within ${limitSeconds} s`);
  if (result.code !== 0 && !mayFail) throw new CommandError(argv, result, `exit ${result.code}`);
  return result;
}

/**
 * Starts a command in a process group of its own, so that a Ctrl-C reaches this process alone, which then ends its
 * commands in order.
 */
export function start(argv: readonly string[], options: StartOptions = {}): Running {
  if (!options.evenIfInterrupted) interrupted.throwIfAborted();
  const [file, ...args] = argv;
  if (file === undefined) throw new TypeError('an empty command');
  const log = options.logFile === undefined ? undefined : openSync(options.logFile, 'a');
  const child = spawn(file, args, {
    detached: true,
    env: { ...process.env, ...options.env },
    stdio: log === undefined ? 'pipe' : ['ignore', log, log],
  });
  if (log !== undefined) {
    closeSync(log);
    child.unref();
  }

  const said = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    said.stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said.stderr += text;
  });
  child.stdin?.on('error', () => {}).end(options.input ?? '');

  const abort = () => void stop();
  if (!options.evenIfInterrupted && log === undefined) interrupted.addEventListener('abort', abort);
  const ended = new Promise<RunResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 255, ...said }));
  }).finally(() => interrupted.removeEventListener('abort', abort));
  ended.catch(() => {});
  if (!options.evenIfInterrupted && log === undefined) trackCommand(ended);

  async function stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<RunResult> {
    const kill = (name: NodeJS.Signals) => {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
        signalGroup(child.pid, name);
      }
    };
    kill(signal);
    const timer = setTimeout(() => kill('SIGKILL'), 3000);
    return await ended.finally(() => clearTimeout(timer));
  }

  return {
    pid: child.pid ?? 0,
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    ended,
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}

export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
