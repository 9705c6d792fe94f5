import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reportError } from '../../src/cli/report.ts';
import { type ErrorCode, TartanError } from '../../src/errors.ts';

test('an error is two lines for people: what, and what to do', () => {
  const error = new TartanError('INTERFACE', 'eth9 is\nmissing', 'Name another.');
  assert.deepEqual(reportError(error, false), {
    stdout: '',
    stderr: 'tartan: eth9 is missing\nName another.\n',
    exitCode: 1,
  });
});

test('under --json it is one object on stdout, and nothing on stderr', () => {
  const report = reportError(new TartanError('USAGE', 'what', 'hint'), true);
  assert.equal(report.stderr, '');
  assert.deepEqual(JSON.parse(report.stdout), {
    error: { code: 'USAGE', message: 'what', hint: 'hint' },
  });
});

test('the exit status tells wrong use and try again later from failure', () => {
  const statuses: [ErrorCode, number][] = [
    ['USAGE', 2],
    ['STORE_UNAVAILABLE', 75],
    ['OUT_OF_SUBNETS', 75],
    ['BUSY', 75],
    ['LEASE_LOST', 1],
    ['PERMISSION', 1],
  ];
  for (const [code, status] of statuses) {
    assert.equal(reportError(new TartanError(code, 'm', 'h'), false).exitCode, status, code);
  }
});

test('what is no error of ours is reported as a bug, with the place', () => {
  const { stdout, exitCode } = reportError(new TypeError('x is not a function'), true);
  const { error } = JSON.parse(stdout);
  assert.equal(exitCode, 1);
  assert.equal(error.code, 'INTERNAL');
  assert.match(error.message, /x is not a function/);
  assert.match(error.hint, /report_test/);
});
