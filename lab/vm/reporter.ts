/** A reporter for `node --test-reporter`: a line of JSON for each test, and for each suite that was skipped or broke. */
import type { TestEvent } from 'node:test/reporters';

/** What one test did. */
export interface TestResult {
  /** Suites and test, outermost first. */
  readonly path: readonly string[];
  readonly outcome: 'passed' | 'failed' | 'skipped';
  /** Why it was skipped; empty if it does not say. */
  readonly reason: string;
}

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const open: string[] = [];
  for await (const event of events) {
    if (event.type === 'test:start') open.splice(event.data.nesting, Infinity, event.data.name);
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue;
    const result = resultOf(event, open);
    if (result !== null) yield `${JSON.stringify(result)}\n`;
  }
}

type Ended = Extract<TestEvent, { type: 'test:pass' | 'test:fail' }>;

function resultOf({ type, data }: Ended, open: readonly string[]): TestResult | null {
  const path = [...open.slice(0, data.nesting), data.name];
  const skip = data.skip ?? data.todo;
  if (skip !== undefined && skip !== false) {
    return { path, outcome: 'skipped', reason: skip === true ? '' : skip };
  }
  if (data.details.type === 'suite' && !isBroken({ type, data } as Ended)) return null;
  return { path, outcome: type === 'test:pass' ? 'passed' : 'failed', reason: '' };
}

/** By a hook of its own, not by its tests, which have lines of their own. */
function isBroken(event: Ended): boolean {
  if (event.type === 'test:pass') return false;
  const error: Error & { failureType?: string } = event.data.details.error;
  return error.failureType !== 'subtestsFailed';
}
