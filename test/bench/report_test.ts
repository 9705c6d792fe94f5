import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { selectCells } from '../../bench/cells.ts';
import { formatChart } from '../../bench/chart.ts';
import { readChoices } from '../../bench/choices.ts';
import { METRIC_NAMES, type Metric, type Sample, summarize } from '../../bench/findings.ts';
import { judge } from '../../bench/goals.ts';
import type { SetupLetter } from '../../bench/ways.ts';

const CELL = 'veth/1500/flat';

function sample(letter: SetupLetter, given: Partial<Record<Metric, number>>): Sample {
  const ones = Object.fromEntries(METRIC_NAMES.map((metric) => [metric, 1]));
  return { cell: CELL, letter, name: letter, values: { ...ones, ...given } as Sample['values'] };
}

const verdictOf = (samples: readonly Sample[], goal: string) =>
  judge(summarize(samples), []).find((verdict) => verdict.goal === `${CELL}: ${goal}`);

describe('a run', () => {
  it('is summed up by medians, with least and most', () => {
    const [row] = summarize([9, 1, 5].map((tcp) => sample('T', { tcp })));
    assert.deepEqual(row?.values.tcp, { median: 5, min: 1, max: 9 });
  });

  it('meets a goal or misses it, by the ratio of medians', () => {
    const samples = [sample('N', {}), sample('B', { packets: 2 }), sample('T', { packets: 2.6 })];
    const verdict = verdictOf(samples, '64-byte packets, T / B');
    assert.deepEqual([verdict?.figure, verdict?.result], [1.3, 'met']);
    const slower = [...samples.slice(0, 2), sample('T', { packets: 2.5 })];
    assert.equal(verdictOf(slower, '64-byte packets, T / B')?.result, 'missed');
  });

  it('says nothing where the machine was not fit, or nothing was measured', () => {
    const samples = [sample('N', { tcp: 2 }), sample('B', {}), sample('T', { tcp: 9 })];
    assert.equal(verdictOf(samples, 'TCP, one stream, T / B')?.result, 'void');
    assert.equal(verdictOf([], 'TCP, one stream, T / B')?.result, 'not measured');
  });

  it('has a chart with a bar for each setup and metric', () => {
    const chart = formatChart(summarize([sample('N', {}), sample('T', { tcp: 1.1 })]));
    assert.equal(chart.match(/<g>/g)?.length, 2 * 3);
    assert.match(chart, /T: 1\.10 \(1\.10 to 1\.10\)/);
  });
});

describe('what is chosen', () => {
  it('is named by patterns, and what fits nothing is refused', () => {
    assert.deepEqual(selectCells('usual', ['wire/*/routed']).length, 2);
    assert.throws(() => selectCells('usual', ['wire/1400/flat']), /ONLY=wire\/1400\/flat fits/);
  });

  it('is refused with the variable and the value', () => {
    for (const [name, value] of Object.entries({ REPEATS: '0', SETUPS: 'Z', MATRIX: 'huge' }))
      assert.throws(() => readChoices({ [name]: value }), new RegExp(`${name}.*${value}`));
  });
});
