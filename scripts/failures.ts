/**
 * A reporter for `node --test-reporter`: of each test that fails, its file and its name with a tab between them, then
 * the first lines of why, indented. scripts/test.sh says it again where a log ends, and runs the files once more.
 */
import { relative } from 'node:path';
import type { TestEvent } from 'node:test/reporters';
import { inspect, stripVTControlCharacters } from 'node:util';

/** Of an error: what it compares, and where. */
const MOST_LINES = 12;

export default async function* failures(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    if (type !== 'test:fail') continue;
    const error: Error & { failureType?: string } = data.details.error;
    // Each of those has an event of its own.
    if (error.failureType === 'subtestsFailed') continue;
    const file = relative(process.cwd(), data.file ?? data.name);
    yield `${file}\t${data.name}\n${firstLines(error.cause ?? error)}\n`;
  }
}

function firstLines(cause: unknown): string {
  const text = stripVTControlCharacters(inspect(cause));
  const lines = text
    .split('\n')
    .filter((line) => line.trim() !== '' && !/node:internal|node:async/.test(line));
  return lines
    .slice(0, MOST_LINES)
    .map((line) => `    ${line}`)
    .join('\n');
}
