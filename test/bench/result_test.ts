import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { resultRows, summarize } from '../../src/bench/result.ts';
import { quantile, spreadOf } from '../../src/bench/statistics.ts';

const settings = { address: '10.0.0.1', reverse: false, seconds: 1, repeats: 2 };

function tcp(streams: number, bitsPerSecond: number) {
  return {
    streams,
    congestion: 'cubic',
    bitsPerSecond,
    cpuSecondsPerGigabyte: { sender: 1, receiver: 2 },
  };
}

describe('the result of a bench', () => {
  const result = summarize(settings, {
    tcp: [tcp(1, 3e9), tcp(4, 9e9), tcp(1, 5e9), tcp(4, 7e9)],
    packets: [
      { sentPerSecond: 6e5, receivedPerSecond: 5e5 },
      { sentPerSecond: 8e5, receivedPerSecond: 7e5 },
    ],
    roundTrips: [
      { count: 9, lost: 1, medianMicroseconds: 5, p99Microseconds: 8 },
      { count: 9, lost: 2, medianMicroseconds: 7, p99Microseconds: 9 },
    ],
  });

  it('keeps one stream and several apart', () => {
    assert.deepEqual(
      result.tcp.map(({ streams, bitsPerSecond }) => [streams, bitsPerSecond]),
      [
        [1, { median: 4e9, min: 3e9, max: 5e9 }],
        [4, { median: 8e9, min: 7e9, max: 9e9 }],
      ],
    );
    assert.equal(result.packets.receivedPerSecond.median, 6e5);
    assert.equal(result.roundTrip.lost, 3);
  });

  it('is told in units that people use', () => {
    const rows = new Map(resultRows(result).map(([what, ...cells]) => [what, cells]));
    assert.deepEqual(rows.get('TCP, 4 streams, cubic'), ['8.00 Gb/s', '7.00 – 9.00']);
    assert.deepEqual(rows.get('  received'), ['0.600 Mpps', '0.500 – 0.700']);
    assert.deepEqual(rows.get('Round trip, median'), ['6.0 µs', '5.0 – 7.0']);
  });
});

describe('statistics', () => {
  it('has the quantiles of sorted values', () => {
    const values = Float64Array.from({ length: 100 }, (_, i) => i);
    assert.equal(quantile(values, 0.5), 50);
    assert.equal(quantile(values, 0.99), 99);
    assert.equal(quantile(values, 1), 99);
  });

  it('knows no spread of nothing', () => {
    assert.throws(() => spreadOf([]), RangeError);
  });
});
