import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawOver } from '../../src/cli/screen.ts';

test('a screen takes the place of the last one, line by line', () => {
  const columns = 5;
  assert.equal(
    drawOver('one\ntwo\n', { isFirst: true, columns }),
    '\x1b[2J\x1b[Hone\x1b[K\ntwo\x1b[K\n\x1b[J',
  );
  assert.equal(drawOver('longer', { isFirst: false, columns }), '\x1b[Hlong…\x1b[K\n\x1b[J');
});
