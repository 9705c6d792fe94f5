/**
 * In a guest: runs test files until none is left to take, each in a fork of this process, which has loaded what they
 * import. Another fork runs `tartan` for their labs. Guests that run side by side share the files: whoever moves one out
 * of the folder has it.
 *
 *   tests/todo/NUMBER       a path of a test file
 *   tests/results/NUMBER    what its tests did, JSON lines (lab/vm/reporter.ts)
 *   tests/ended/NUMBER      exit status and seconds
 *   tests/in_part           where it exists, some tests of the files are left out (lab/vm/left_out.ts)
 */
import {
  appendFileSync,
  closeSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { FORK_SERVER } from '../forked.ts';
import { exitNow, fork, killAfter, listenAt, waitForFork } from './fork.ts';
import { leftOutOf } from './left_out.ts';
import report, { type TestResult } from './reporter.ts';
import { loadTartan, serveForks } from './serve_forks.ts';

const [TESTS = '', MINE = ''] = process.argv.slice(2);

/** Of a file, and of a test in it: a hang shall not take all the others with it. */
const FILE_LIMIT_SECONDS = 600;
const TEST_LIMIT_SECONDS = 300;

if (FORK_SERVER === undefined) throw new Error('TARTAN_LAB_FORK_SERVER: nobody would ask it');
const listener = listenAt(FORK_SERVER);
await loadTartan();
await loadSupport();
if (fork() === 0) await serveForks(listener);
else {
  closeSync(listener);
  await takeFiles();
}

/** What the test files import; not they themselves, as their tests begin when they are imported. */
async function loadSupport(): Promise<void> {
  const imported = readdirSync(`${TESTS}/todo`).flatMap((number) => {
    const file = readIfThere(`${TESTS}/todo/${number}`);
    if (file === null) return [];
    const names = readFileSync(file, 'utf8').matchAll(/^(?:import|\}) .*from '(\.[^']+)';$/gm);
    return Array.from(names, ([, name]) => resolve(dirname(file), name as string));
  });
  await Promise.all(new Set(imported).values().map((path) => import(path)));
}

/** Returns in the forks, and at the end. */
async function takeFiles(): Promise<void> {
  for (const number of readdirSync(`${TESTS}/todo`).sort()) {
    const file = take(number);
    if (file === null) continue;
    writeSync(1, `== ${file}\n`);
    const started = performance.now();
    const pid = fork();
    if (pid === 0) return await runFile(file, `${TESTS}/results/${number}`);
    const status = waitForFork(pid);
    const seconds = (performance.now() - started) / 1000;
    writeFileSync(`${TESTS}/ended/${number}`, `${status} ${seconds.toFixed(1)}\n`);
  }
}

function take(number: string): string | null {
  try {
    renameSync(`${TESTS}/todo/${number}`, `${MINE}/taken`);
  } catch {
    return null;
  }
  return readFileSync(`${MINE}/taken`, 'utf8');
}

/** As `node --test` would, in this process. */
async function runFile(file: string, results: string): Promise<void> {
  killAfter(FILE_LIMIT_SECONDS);
  process.once('exit', exitNow);
  const leftOut = existsSync(`${TESTS}/in_part`) ? leftOutOf(file) : null;
  const tests = run({
    ...{ files: [resolve(file)], isolation: 'none' },
    ...(leftOut && { testSkipPatterns: [leftOut] }),
    timeout: 1000 * TEST_LIMIT_SECONDS,
  });
  tests.compose(report).on('data', (line: string) => {
    appendFileSync(results, line);
    const { outcome } = JSON.parse(line) as TestResult;
    if (outcome === 'failed') process.exitCode = 1;
  });
  tests.compose(new spec()).pipe(process.stdout);
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
