/** The border between a command and its process: arguments, environment, signals, output, exit status. */
import type { Log } from '../src/agent/log.ts';
import { createLog } from '../src/cli/log.ts';
import type { CommandName, Options } from '../src/cli/options.ts';
import { parseCommandLine, wantsJson } from '../src/cli/parse.ts';
import { reportError } from '../src/cli/report.ts';
import { messageOf, TartanError } from '../src/errors.ts';

/** What a command gets from its process. */
export interface Context {
  readonly options: Options;
  /** The argument; empty for commands that take none. */
  readonly argument: string;
  /** All of them, of commands that take several. */
  readonly words: readonly string[];
  readonly log: Log;
  /** Aborts on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** Prints one line of JSON on stdout. */
  emit(value: unknown): void;
  /** The exit status, where the command did its work and what it found is bad. */
  endWith(status: 1): void;
  /** Is to be closed when the command ends. */
  defer(resource: { close(): Promise<void> }): void;
}

const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;

/**
 * Runs a command; what it returns is printed as one JSON object, unless it is null. Ends the process.
 * @param outlivesOutput it goes on, without a word, when what it prints can no longer be written
 */
export async function runCommand(
  name: CommandName,
  argv: readonly string[],
  act: (context: Context) => Promise<object | null>,
  { outlivesOutput = false } = {},
): Promise<never> {
  const deferred: { close(): Promise<void> }[] = [];
  let exitStatus = 0;
  const { signal, status } = listenForSignals(outlivesOutput);
  try {
    const parsed = parseCommandLine(name, argv, process.env);
    if (parsed.kind === 'help') {
      await print(parsed.text);
      process.exit(0);
    }
    const { options, argument, words } = parsed;
    const log = createLog(options['log-level'], {
      human: process.stderr.isTTY,
      write: (line) => process.stderr.write(line),
    });
    const result = await act({
      options,
      argument: argument ?? '',
      words,
      log,
      signal,
      emit: (value) => process.stdout.write(`${JSON.stringify(value)}\n`),
      endWith: (code) => {
        exitStatus = code;
      },
      defer: (resource) => deferred.push(resource),
    });
    if (result !== null) await print(format(result));
    await Promise.allSettled(deferred.map((resource) => resource.close()));
    process.exit(exitStatus);
  } catch (error) {
    const isInterrupted = error instanceof TartanError && error.code === 'INTERRUPTED';
    if (!isInterrupted) await Promise.allSettled(deferred.map((resource) => resource.close()));
    fail(error, wantsJson(argv, process.env), isInterrupted ? status() : undefined);
  }
}

/** Prints the error and ends the process. */
export function fail(error: unknown, json: boolean, status?: number): never {
  const { stdout, stderr, exitCode } = reportError(error, json);
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exit(status ?? exitCode);
}

/** The first signal asks, the second one ends the process at once. */
function listenForSignals(outlivesOutput: boolean): {
  signal: AbortSignal;
  status(): number | undefined;
} {
  const controller = new AbortController();
  let status: number | undefined;
  for (const [name, number] of Object.entries(SIGNAL_NUMBERS)) {
    process.on(name, () => {
      if (status !== undefined) process.exit(128 + number);
      status = 128 + number;
      controller.abort();
    });
  }
  // Whoever reads our output has had enough: `tartan watch | head -1`.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (outlivesOutput) return;
    if (error.code === 'EPIPE') process.exit(0);
    fail(outputError(error), false);
  });
  return { signal: controller.signal, status: () => status };
}

/** Whoever is to read the result must know if it is not there: a full device tells only after the write. */
export function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (!error) return resolve();
      if ((error as NodeJS.ErrnoException).code === 'EPIPE') process.exit(0);
      reject(outputError(error));
    });
  });
}

function outputError(cause: Error): TartanError {
  return new TartanError(
    'FILE',
    `cannot write to standard output: ${messageOf(cause)}`,
    'What the command did is done; send its output elsewhere and run it again to see it.',
    { cause },
  );
}

function format(result: object): string {
  return `${JSON.stringify(result, null, process.stdout.isTTY ? 2 : 0)}\n`;
}
