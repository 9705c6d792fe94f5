/** Test files that guests take from a folder of their share, one at a time (scripts/vm/run_tests.sh). */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { TestResult } from './reporter.ts';

export interface FileResult {
  readonly file: string;
  /** `null`: nobody came to it, or to its end. */
  readonly ended: { readonly status: number; readonly seconds: number } | null;
  readonly tests: readonly TestResult[];
}

export interface Queue {
  readonly files: readonly string[];
  results(): FileResult[];
}

/**
 * Takes the place of an earlier one, whose results have been read.
 * @param inPart some tests of the files are left out (lab/vm/left_out.ts)
 */
export function makeQueue(share: string, files: readonly string[], { inPart = false } = {}): Queue {
  const folder = `${share}/tests`;
  rmSync(folder, { recursive: true, force: true });
  for (const name of ['todo', 'results', 'ended'])
    mkdirSync(`${folder}/${name}`, { recursive: true });
  if (inPart) writeFileSync(`${folder}/in_part`, '');
  const numbers = files.map((_, index) => String(index + 1).padStart(3, '0'));
  for (const [index, file] of files.entries()) {
    writeFileSync(`${folder}/todo/${numbers[index]}`, file);
  }
  return {
    files,
    results: () =>
      files.map((file, index) => ({
        file,
        ended: readEnd(`${folder}/ended/${numbers[index]}`),
        tests: readLines(`${folder}/results/${numbers[index]}`),
      })),
  };
}

function readEnd(path: string): FileResult['ended'] {
  if (!existsSync(path)) return null;
  const [status = Number.NaN, seconds = Number.NaN] = readFileSync(path, 'utf8')
    .split(' ')
    .map(Number);
  return { status, seconds };
}

/** A guest that was killed may have left half a line. */
function readLines(path: string): TestResult[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as TestResult);
}
