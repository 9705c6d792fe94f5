import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLog } from '../../src/cli/log.ts';

function collect(human: boolean) {
  const lines: string[] = [];
  return { lines, target: { human, write: (line: string) => void lines.push(line) } };
}

test('what is below the level is dropped', () => {
  const { lines, target } = collect(true);
  const log = createLog('warn', target);
  log.info('quiet');
  log.debug('quieter');
  assert.deepEqual(lines, []);
  log.warn('careful', { key: 'a' });
  log.error('no');
  assert.deepEqual(lines, ['warn: careful key="a"\n', 'error: no\n']);
});

test('for machines each line is a JSON object with time, level and message', () => {
  const { lines, target } = collect(false);
  createLog('debug', target).debug('seen', { subnet: '10.5.1.0/24' });
  const line = JSON.parse(lines.join(''));
  assert.deepEqual([line.level, line.msg, line.subnet], ['debug', 'seen', '10.5.1.0/24']);
  assert.equal(Number.isNaN(Date.parse(line.time)), false);
});
