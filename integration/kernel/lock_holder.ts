/**
 * Takes a lock again and again, and fails if it is not alone while it has it. Every other time it ends its hold by
 * removing the file, as its last act.
 */
import { closeSync, openSync, unlinkSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { lockFile } from '../../src/sys/flock.ts';

const [path = '', rounds = '0'] = process.argv.slice(2);
const inside = `${path}.inside`;

for (let held = 0; held < Number(rounds); ) {
  const lock = lockFile(path);
  await nextTurn();
  if (lock === null) continue;
  closeSync(openSync(inside, 'wx'));
  await nextTurn();
  unlinkSync(inside);
  if (held % 2 === 0) unlinkSync(path);
  lock.release();
  held += 1;
}
console.log('done');
