import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FileResult } from '../../lab/vm/queue.ts';
import { filesAgain, formatReport, isGood, makeReport } from '../../lab/vm/report.ts';
import type { TestResult } from '../../lab/vm/reporter.ts';
import type { NotOnThisKernel } from '../../lab/vm/suites.ts';

const FILE = 'integration/a_test.ts';
const ROW: NotOnThisKernel = { file: FILE, path: ['TCX'], reason: /no TCX/ };

describe('a report of tests on another kernel', () => {
  it('of tests that pass is good', () => {
    const report = makeReport([fileOf(passed('a'), passed('b'))], []);
    assert.equal(report.passed, 2);
    assert.equal(isGood(report, true), true);
  });

  it('names what failed', () => {
    const report = makeReport([fileOf(passed('a'), { ...passed('b'), outcome: 'failed' })], []);
    assert.deepEqual(report.failed, [`${FILE}: suite > b`]);
    assert.equal(isGood(report, false), false);
  });

  it('leads to another run of few files that failed, not of many', () => {
    const good = fileOf(passed('a'));
    const bad = { ...fileOf({ ...passed('b'), outcome: 'failed' }), file: 'integration/b_test.ts' };
    const cut = { ...good, file: 'integration/c_test.ts', ended: null };
    assert.deepEqual(filesAgain([good]), []);
    assert.deepEqual(filesAgain([good, bad, cut]), [bad.file, cut.file]);
    assert.deepEqual(filesAgain([bad, bad, cut, cut]), []);
  });

  it('takes a skip for a failure in CI only', () => {
    const report = makeReport([fileOf(skipped(['suite', 'c'], 'no disk'))], [ROW]);
    assert.deepEqual(report.skipped, [`${FILE}: suite > c # no disk`]);
    assert.equal(isGood({ ...report, wronglyDeclared: [] }, false), true);
    assert.equal(isGood({ ...report, wronglyDeclared: [] }, true), false);
  });

  it('accepts a skip that is declared, with its reason, and all below it', () => {
    for (const path of [['TCX'], ['TCX', 'before'], ['TCX', 'a', 'b']]) {
      const report = makeReport([fileOf(skipped(path, 'this kernel has no TCX'))], [ROW]);
      assert.equal(report.notOnThisKernel.length, 1);
      assert.equal(isGood(report, true), true);
    }
  });

  it('accepts it neither for another reason, nor elsewhere', () => {
    for (const test of [skipped(['TCX'], 'needs root'), skipped(['TC'], 'no TCX')]) {
      const report = makeReport([fileOf(test)], [ROW]);
      assert.equal(report.skipped.length, 1);
      assert.equal(isGood(report, false), false, 'and the row is wrong');
    }
    const elsewhere = { ...fileOf(skipped(['TCX'], 'no TCX')), file: 'integration/b_test.ts' };
    assert.equal(makeReport([elsewhere], [ROW]).skipped.length, 1);
  });

  it('refuses a declaration whose test runs after all, unless it may', () => {
    const files = [fileOf({ path: ['TCX'], outcome: 'passed', reason: '' })];
    const report = makeReport(files, [ROW]);
    assert.deepEqual(report.wronglyDeclared, [`${FILE}: TCX`]);
    assert.equal(isGood(report, false), false);
    assert.equal(isGood(makeReport(files, [{ ...ROW, maybe: true }]), true), true);
    assert.equal(isGood(makeReport([], [ROW]), true), true, 'its file was not asked for');
  });

  it('fails for a file that was not run, died, or has no test', () => {
    const file = fileOf(passed('a'));
    for (const [broken, reason] of [
      [{ ...file, ended: null }, 'not run to its end'],
      [{ ...file, ended: { status: 124, seconds: 300 } }, 'exit 124'],
      [{ ...file, tests: [] }, 'no test in it'],
      [{ ...file, tests: [{ ...passed('a'), path: [`/checkout/${FILE}`] }] }, 'no test in it'],
    ] as const) {
      const report = makeReport([broken], []);
      assert.deepEqual(report.failed, [`${FILE}: ${reason}`]);
      assert.equal(isGood(report, false), false);
    }
  });

  it('is printed with every reason', () => {
    const files = [fileOf(passed('a'), skipped(['TCX'], 'no TCX'), skipped(['x'], ''))];
    assert.deepEqual(formatReport(makeReport(files, [ROW])).split('\n'), [
      '# pass 1',
      '# fail 0',
      '# skipped 1',
      '# not on this kernel 1',
      `  not on this kernel: ${FILE}: TCX # no TCX`,
      `  skipped: ${FILE}: x # no reason given`,
    ]);
  });
});

function fileOf(...tests: TestResult[]): FileResult {
  const failed = tests.some(({ outcome }) => outcome === 'failed');
  return { file: FILE, ended: { status: failed ? 1 : 0, seconds: 1 }, tests };
}

function passed(name: string): TestResult {
  return { path: ['suite', name], outcome: 'passed', reason: '' };
}

function skipped(path: readonly string[], reason: string): TestResult {
  return { path, outcome: 'skipped', reason };
}
