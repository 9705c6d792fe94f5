/**
 * `make test-kernel`: test files on another kernel, in guests of one CPU side by side. With arguments, those files and
 * folders alone; with ALL=1, all there are.
 */
import { availableParallelism } from 'node:os';
import { runMain } from '../interrupt.ts';
import { type GuestResult, runInGuest } from './guest.ts';
import { lineWriter } from './lines.ts';
import { makeQueue } from './queue.ts';
import { formatReport, isGood, makeReport } from './report.ts';
import { makeRunFolder, type RunFolder } from './share.ts';
import { stripInto } from './strip.ts';
import { NOT_ON_THIS_KERNEL, testFiles } from './suites.ts';

/** Of a guest: twice what it takes on a machine that does nothing else. */
const LIMIT_SECONDS = Number(process.env.LIMIT || (process.env.ALL === '1' ? 3000 : 1200));

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
  const queue = makeQueue(run.share, testFiles(chosenFiles()));
  const guests = Math.min(queue.files.length, Number(process.env.GUESTS || defaultGuests()));
  console.log(`== tests on another kernel (${queue.files.length} files, ${guests} guests)`);

  const names = Array.from({ length: guests }, (_, index) => `k${index + 1}`);
  const outcomes = await Promise.allSettled(names.map((name) => runTests(run, name)));

  console.log('== tests on another kernel: result');
  const problems = outcomes.flatMap((outcome) => problemsOf(outcome));
  for (const problem of problems) console.error(problem);
  const results = queue.results();
  for (const { file, ended } of results) {
    console.log(`${ended === null ? '    -' : ended.seconds.toFixed(1).padStart(5)} s  ${file}`);
  }
  const report = makeReport(results, NOT_ON_THIS_KERNEL);
  console.log(formatReport(report));
  console.log(`# seconds ${((performance.now() - started) / 1000).toFixed(0)}`);
  const good = problems.length === 0 && isGood(report, process.env.CI === 'true');
  process.exitCode = good ? 0 : 1;
});

async function runTests(run: RunFolder, name: string): Promise<GuestResult> {
  const print = lineWriter((line) => console.log(`${name} ${line}`));
  const result = await runInGuest(run, {
    name,
    command: 'uname -sr; scripts/vm/run_tests.sh',
    limitSeconds: LIMIT_SECONDS,
    onStdout: print,
    onStderr: print,
  });
  return result;
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
  return process.env.ALL === '1' ? 'everything' : 'usual';
}

/** One more than can be at work at once: each waits for a quarter of its time. */
function defaultGuests(): number {
  return Math.min(4, availableParallelism() + 1);
}
