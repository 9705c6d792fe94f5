/**
 * `make test-kernel`: test files on another kernel, in guests of one CPU side by side. With arguments, those files and
 * folders alone; with ALL=1, all there are. Without either, some of the files, and in part (lab/vm/left_out.ts).
 */
import { availableParallelism } from 'node:os';
import { runMain } from '../interrupt.ts';
import { type GuestResult, runInGuest } from './guest.ts';
import { lineWriter } from './lines.ts';
import { type FileResult, makeQueue } from './queue.ts';
import { filesAgain, formatReport, isGood, makeReport } from './report.ts';
import { makeRunFolder, type RunFolder } from './share.ts';
import { stripInto } from './strip.ts';
import { NOT_ON_THIS_KERNEL, testFiles } from './suites.ts';

const inPart = process.argv.length === 2 && process.env.ALL !== '1';

/** Of a guest: several times what it takes on a machine that does nothing else. */
const LIMIT_SECONDS = Number(process.env.LIMIT || (inPart ? 2000 : 5000));

/** What a kernel says when it has found a fault in itself. */
const COMPLAINT = /WARNING: |BUG: |Oops: |general protection fault|UBSAN: |refcount_t: /;

await runMain(async () => {
  if (process.arch !== 'x64') {
    console.log(`== tests on another kernel: skipped, not supported on ${process.arch}`);
    process.exitCode = process.env.CI === 'true' ? 1 : 0;
    return;
  }
  await using run = makeRunFolder();
  stripInto(`${run.share}/stripped`);
  const started = performance.now();
  const first = await runFiles(run, testFiles(chosenFiles()), 'k');
  const again = filesAgain(first.results);
  const second = again.length > 0 ? await runFiles(run, again, 'again', 1) : null;

  console.log('== tests on another kernel: result');
  for (const { file, ended } of first.results) {
    console.log(`${ended === null ? '    -' : ended.seconds.toFixed(1).padStart(5)} s  ${file}`);
  }
  const instead = new Map(second?.results.map((result) => [result.file, result]));
  const report = makeReport(
    first.results.map((result) => instead.get(result.file) ?? result),
    NOT_ON_THIS_KERNEL,
  );
  console.log(formatReport(report));
  for (const name of makeReport(first.results, []).failed) {
    if (!report.failed.includes(name)) {
      console.log(`  failed beside others and passed alone, to be mended: ${name}`);
    }
  }
  const problems = [...first.problems, ...(second?.problems ?? [])];
  for (const problem of problems) console.error(problem);
  console.log(`# seconds ${((performance.now() - started) / 1000).toFixed(0)}`);
  const good = problems.length === 0 && isGood(report, process.env.CI === 'true');
  process.exitCode = good ? 0 : 1;
});

interface Outcome {
  readonly results: readonly FileResult[];
  /** Of guests and their kernels, not of tests. */
  readonly problems: readonly string[];
}

async function runFiles(
  run: RunFolder,
  files: readonly string[],
  prefix: string,
  most = Number(process.env.GUESTS || defaultGuests()),
): Promise<Outcome> {
  const queue = makeQueue(run.share, files, { inPart });
  const guests = Math.min(files.length, most);
  console.log(`== tests on another kernel (${files.length} files, ${guests} guests)`);
  const names = Array.from({ length: guests }, (_, index) => `${prefix}${index + 1}`);
  const outcomes = await Promise.allSettled(names.map((name) => runTests(run, name)));
  return { results: queue.results(), problems: outcomes.flatMap(problemsOf) };
}

function runTests(run: RunFolder, name: string): Promise<GuestResult> {
  const print = lineWriter((line) => console.log(`${name} ${line}`));
  return runInGuest(run, {
    name,
    command: 'uname -sr; scripts/vm/run_tests.sh',
    limitSeconds: LIMIT_SECONDS,
    onStdout: print,
    onStderr: print,
  });
}

function problemsOf(outcome: PromiseSettledResult<GuestResult>): string[] {
  if (outcome.status === 'rejected') return [String(outcome.reason.message)];
  const { code, kernelLog } = outcome.value;
  const complaints = kernelLog.split('\n').filter((line) => COMPLAINT.test(line));
  return [
    ...(code === 0 ? [] : [`a guest's test runner ended with ${code}`]),
    ...complaints.map((line) => `the guest's kernel complains: ${line}`),
  ];
}

function chosenFiles(): Parameters<typeof testFiles>[0] {
  const names = process.argv.slice(2);
  if (names.length > 0) return names;
  return inPart ? 'usual' : 'everything';
}

/** One more than can be at work at once: each waits for a quarter of its time. */
function defaultGuests(): number {
  return Math.min(4, availableParallelism() + 1);
}
