import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { judge, median, type Sample, summarize } from '../../bench/report.ts';

function sample(letter: string, gigabitsPerSecond: number, packetsPerSecond: number): Sample {
  const cpuSecondsPerGigabyte = 1;
  return {
    wire: 'veth',
    letter,
    name: letter,
    gigabitsPerSecond,
    cpuSecondsPerGigabyte,
    packetsPerSecond,
  };
}

describe('report', () => {
  it('takes the median, of an even number the middle of two', () => {
    assert.equal(median([9, 1, 5]), 5);
    assert.equal(median([10, 1, 2, 4]), 3);
  });

  it('compares medians with the targets', () => {
    const samples = [
      ...[100, 10, 1000].map((rate) => sample('N', rate, 500)),
      ...[70, 80, 90].map((rate) => sample('B', rate, 400)),
      ...[88, 1, 200].map((rate) => sample('T', rate, 476)),
    ];
    const verdicts = judge(summarize(samples));
    assert.deepEqual(
      verdicts.map(({ what, ratio, result }) => [what, ratio.toFixed(2), result]),
      [
        ['TCP', '1.10', 'met'],
        ['64-byte packets', '1.19', 'missed'],
      ],
    );
  });

  it('is void where flannel’s way does not reach 0.6 of plain routing', () => {
    const samples = [sample('N', 100, 1), sample('B', 59, 1), sample('T', 100, 9)];
    assert.deepEqual(
      judge(summarize(samples)).map(({ result }) => result),
      ['void', 'void'],
    );
  });
});
