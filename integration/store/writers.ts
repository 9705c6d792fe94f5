import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const WRITER = new URL('writer.ts', import.meta.url).pathname;

/** A lease that a writer was told it has. */
export interface Acknowledged {
  readonly index: number;
  readonly revision: number;
  /** The monotonic clock, `process.hrtime.bigint()`, after the acknowledgement. */
  readonly atNs: bigint;
}

/** A child process that creates leases (writer.ts). */
export interface Writer {
  readonly acknowledged: readonly Acknowledged[];
  /** Lets it begin. */
  go(): void;
  kill(): void;
  /** Resolves when it has ended; rejects if it failed by itself. */
  readonly ended: Promise<void>;
}

/** Starts a writer and waits until its store is open. */
export async function startWriter(spec: string, first: number, count: number): Promise<Writer> {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', WRITER, spec, String(first), String(count)],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  child.stdin.on('error', () => undefined);
  const acknowledged: Acknowledged[] = [];
  const lines = createInterface({ input: child.stdout });
  const ready = Promise.withResolvers<void>();
  lines.on('line', (line) => {
    if (line === 'ready') return ready.resolve();
    const [index = '', revision = '', atNs = ''] = line.split(' ');
    // A line that the kill has cut short was not acknowledged.
    if (/^\d+$/.test(atNs)) {
      acknowledged.push({ index: Number(index), revision: Number(revision), atNs: BigInt(atNs) });
    }
  });
  const ended = endOf(child, once(lines, 'close'));
  await Promise.race([ready.promise, ended]);
  return {
    acknowledged,
    go: () => child.stdin.write('go\n'),
    kill: () => child.kill('SIGKILL'),
    ended,
  };
}

async function endOf(child: ChildProcess, outputRead: Promise<unknown>): Promise<void> {
  const [status, signal] = (await once(child, 'exit')) as [number | null, string | null];
  await outputRead;
  if (status !== 0 && signal !== 'SIGKILL') throw new Error(`writer: ${status ?? signal}`);
}

/** Lets several writers loose at once and waits for their end. @returns all that they have got, by index */
export async function writeAtOnce(
  spec: string,
  processes: number,
  leasesEach: number,
): Promise<Acknowledged[]> {
  const writers = await Promise.all(
    Array.from({ length: processes }, (_, n) => startWriter(spec, n * leasesEach, leasesEach)),
  );
  for (const writer of writers) writer.go();
  await Promise.all(writers.map((writer) => writer.ended));
  return writers.flatMap((writer) => writer.acknowledged).sort((a, b) => a.index - b.index);
}
