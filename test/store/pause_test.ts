import { test } from 'node:test';
import { pause } from '../../src/store/pause.ts';

test('a pause ends when its signal aborts', async () => {
  const stopping = new AbortController();
  const paused = pause(60_000, stopping.signal);
  stopping.abort();
  await paused;
  await pause(60_000, stopping.signal);
});
