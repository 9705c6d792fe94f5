/** The launcher, as it is: on an emulated machine all else runs in forks of one process that is loaded. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createLab, joinAll } from '../../lab/lab.ts';
import { TARTAN } from '../../lab/tartan.ts';
import type { JoinReport } from '../../src/agent/join.ts';
import { join } from './network.ts';
import { missing } from './requirements.ts';

const skip = await missing();

it('the launcher joins, and finds what the others have made', { skip }, async () => {
  await using lab = await createLab({ name: 'launcher', hosts: 2, pods: 0 });
  await joinAll(lab);
  const host = lab.host('b');
  const { subnet } = await join(host);
  const { stdout } = await host.exec([TARTAN, 'join']);
  const report = JSON.parse(stdout) as JoinReport;
  assert.partialDeepStrictEqual(report, { changed: false, subnet, peers: 1 });
});
