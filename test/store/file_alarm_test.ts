import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openFileAlarm } from '../../src/store/file_alarm.ts';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'tartan-alarm-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

const lapMs = async (work: Promise<void>) => {
  const startedAt = performance.now();
  await work;
  return performance.now() - startedAt;
};

test('a write to the log wakes, and further looks follow soon, then ever more rarely', async () => {
  const path = join(folder, 'net.db');
  using alarm = openFileAlarm(path, new AbortController().signal);
  while ((await lapMs(alarm.next(Number.POSITIVE_INFINITY))) < 300);
  const woken = alarm.next(Number.POSITIVE_INFINITY);
  appendFileSync(`${path}-wal`, 'frames');
  assert.ok((await lapMs(woken)) < 200);
  // The commit may become visible only after the disk has done its work.
  let looks = 0;
  for (const startedAt = performance.now(); performance.now() - startedAt < 250; looks++) {
    await alarm.next(Number.POSITIVE_INFINITY);
  }
  assert.ok(looks >= 5 && looks <= 12, `${looks} looks in 250 ms`);
});

test('a limit, an end long past and an abort end the wait', async () => {
  const stopping = new AbortController();
  using alarm = openFileAlarm(join(folder, 'other.db'), stopping.signal);
  while ((await lapMs(alarm.next(Number.POSITIVE_INFINITY))) < 300);
  assert.ok((await lapMs(alarm.next(30))) < 300);
  assert.ok((await lapMs(alarm.next(-1_000))) < 100);
  const waiting = alarm.next(Number.POSITIVE_INFINITY);
  stopping.abort();
  assert.ok((await lapMs(waiting)) < 300);
});
