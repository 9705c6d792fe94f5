import { startWaiting, type WaitingProcess } from '../../lab/waiting_process.ts';

const WRITER = new URL('writer.ts', import.meta.url).pathname;

/** A lease that a writer was told it has. */
export interface Acknowledged {
  readonly index: number;
  readonly revision: number;
  /** The monotonic clock, `process.hrtime.bigint()`, after the acknowledgement. */
  readonly atNs: bigint;
}

/** A child process that creates leases (writer.ts). */
export interface Writer extends WaitingProcess {
  readonly acknowledged: readonly Acknowledged[];
}

/** Starts a writer and waits until its store is open. */
export async function startWriter(spec: string, first: number, count: number): Promise<Writer> {
  const acknowledged: Acknowledged[] = [];
  const child = await startWaiting(
    [
      ...[process.execPath, '--disable-warning=ExperimentalWarning'],
      ...[WRITER, spec, String(first), String(count)],
    ],
    (line) => {
      const [index = '', revision = '', atNs = ''] = line.split(' ');
      // A line that the kill has cut short was not acknowledged.
      if (/^\d+$/.test(atNs)) {
        acknowledged.push({ index: Number(index), revision: Number(revision), atNs: BigInt(atNs) });
      }
    },
  );
  return { ...child, acknowledged };
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
