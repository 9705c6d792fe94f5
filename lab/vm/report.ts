/** What test files did on the other kernel, and whether that is good enough. Pure. */
import type { FileResult } from './queue.ts';
import type { TestResult } from './reporter.ts';
import type { NotOnThisKernel } from './suites.ts';

export interface Report {
  readonly passed: number;
  readonly failed: readonly string[];
  /** Declared: this kernel cannot have what they test. */
  readonly notOnThisKernel: readonly string[];
  readonly skipped: readonly string[];
  /** Declared, and yet they ran, or there is no such test. */
  readonly wronglyDeclared: readonly string[];
}

export function makeReport(
  files: readonly FileResult[],
  declared: readonly NotOnThisKernel[],
): Report {
  const passed: string[] = [];
  const failed: string[] = [];
  const notOnThisKernel: string[] = [];
  const skipped: string[] = [];
  const used = new Set<NotOnThisKernel>();

  for (const { file, ended, tests: told } of files) {
    const tests = told.filter((test) => !isFileAlone(file, test));
    for (const test of tests) {
      const name = nameOf(file, test.path);
      if (test.outcome === 'passed') passed.push(name);
      if (test.outcome === 'failed') failed.push(name);
      if (test.outcome !== 'skipped') continue;
      const row = declared.find((candidate) => isMeant(candidate, file, test));
      if (row) used.add(row);
      (row ? notOnThisKernel : skipped).push(`${name} # ${test.reason || 'no reason given'}`);
    }
    const explained = tests.some(({ outcome }) => outcome === 'failed');
    if (ended === null) failed.push(`${file}: not run to its end`);
    else if (ended.status !== 0 && !explained) failed.push(`${file}: exit ${ended.status}`);
    else if (tests.length === 0) failed.push(`${file}: no test in it`);
  }
  const run = new Set(files.map(({ file }) => file));
  const wronglyDeclared = declared
    .filter((row) => run.has(row.file) && !used.has(row) && !row.maybe)
    .map(({ file, path }) => nameOf(file, path));
  return { passed: passed.length, failed, notOnThisKernel, skipped, wronglyDeclared };
}

/** More than these are no accident. */
const MOST_AGAIN = 3;

/**
 * The files to run once more, alone: few have failed, so it may be that they waited for busy guests longer than they
 * would. Empty if none failed, or too many.
 */
export function filesAgain(files: readonly FileResult[]): readonly string[] {
  const failed = files.filter(
    ({ ended, tests }) => ended?.status !== 0 || tests.some(({ outcome }) => outcome === 'failed'),
  );
  return failed.length > MOST_AGAIN ? [] : failed.map(({ file }) => file);
}

/** With `CI=true` a skip that is not declared is a failure. */
export function isGood(report: Report, isCi: boolean): boolean {
  const { failed, skipped, wronglyDeclared } = report;
  return failed.length + wronglyDeclared.length === 0 && !(isCi && skipped.length > 0);
}

export function formatReport(report: Report): string {
  const { passed, failed, notOnThisKernel, skipped, wronglyDeclared } = report;
  return [
    `# pass ${passed}`,
    `# fail ${failed.length}`,
    `# skipped ${skipped.length}`,
    `# not on this kernel ${notOnThisKernel.length}`,
    ...notOnThisKernel.map((line) => `  not on this kernel: ${line}`),
    ...skipped.map((line) => `  skipped: ${line}`),
    ...wronglyDeclared.map((line) => `  declared as not on this kernel, but not skipped: ${line}`),
    ...failed.map((line) => `  failed: ${line}`),
  ].join('\n');
}

/** Of a file without a test, Node says that the file has passed. */
function isFileAlone(file: string, { path, outcome }: TestResult): boolean {
  return path.length === 1 && path[0]?.endsWith(file) === true && outcome === 'passed';
}

function isMeant(row: NotOnThisKernel, file: string, test: TestResult): boolean {
  return (
    row.file === file &&
    row.path.every((name, index) => test.path[index] === name) &&
    row.reason.test(test.reason)
  );
}

function nameOf(file: string, path: readonly string[]): string {
  return `${file}: ${path.join(' > ')}`;
}
