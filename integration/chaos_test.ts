import assert from 'node:assert/strict';
import { it } from 'node:test';
import { runChaos } from '../chaos/run.ts';
import { lacks } from './lifecycle/support.ts';

const SEED = 1;
const SECONDS = 12;

it(`faults at random over eight hosts (seed ${SEED}): every invariant holds, all reach all`, {
  skip: lacks('etcd', 'etcdctl', 'nft'),
}, async () => {
  const said: string[] = [];
  const settings = { seed: SEED, seconds: SECONDS, lab: 'chaostest' };
  const flaws = await runChaos({ ...settings, say: (line) => said.push(line) });
  assert.deepEqual(
    flaws,
    [],
    `make chaos SEED=${SEED} SECONDS=${SECONDS}\n${said.join('\n')}\n${flaws.join('\n')}`,
  );
});
