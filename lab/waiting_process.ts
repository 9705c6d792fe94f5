/** Processes that begin together: each says `ready`, and waits for a line. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface WaitingProcess {
  /** Lets it begin. */
  go(): void;
  kill(): void;
  /** Resolves when it has ended; rejects if it failed by itself. */
  readonly ended: Promise<void>;
}

/** Starts a command, and waits until it prints `ready`. @param onLine is told what it prints afterwards */
export async function startWaiting(
  [file = '', ...args]: readonly string[],
  onLine: (line: string) => void,
): Promise<WaitingProcess> {
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.on('error', () => undefined);
  const lines = createInterface({ input: child.stdout });
  const ready = Promise.withResolvers<void>();
  lines.on('line', (line) => (line === 'ready' ? ready.resolve() : onLine(line)));
  const ended = endOf(child, once(lines, 'close'));
  await Promise.race([ready.promise, ended]);
  return { go: () => child.stdin.write('go\n'), kill: () => child.kill('SIGKILL'), ended };
}

async function endOf(child: ChildProcess, outputRead: Promise<unknown>): Promise<void> {
  const [status, signal] = (await once(child, 'exit')) as [number | null, string | null];
  await outputRead;
  if (status !== 0 && signal !== 'SIGKILL')
    throw new Error(`${child.spawnargs.join(' ')}: ${status ?? signal}`);
}
