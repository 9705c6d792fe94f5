import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ConfigFollowing, followConfig } from '../../src/agent/follow_config.ts';
import { parseConfig } from '../../src/lease/config.ts';
import type { LeaseStore, StoredConfig } from '../../src/store/contract.ts';
import { CONFIG } from './world.ts';

/** What is warned of while the store answers so, one answer after the other. */
async function warningsOf(
  answers: readonly (StoredConfig | null | Error)[],
  force: Partial<Pick<ConfigFollowing, 'current' | 'adopt'>> = {},
): Promise<string[]> {
  const controller = new AbortController();
  const warnings: string[] = [];
  const left = [...answers];
  const readConfig = async () => {
    const answer = left.shift();
    if (left.length === 0) controller.abort();
    if (answer instanceof Error) throw answer;
    return answer ?? null;
  };
  await followConfig({
    store: { readConfig } as LeaseStore,
    log: { error() {}, info() {}, debug() {}, warn: (message) => warnings.push(message) },
    intervalMs: 1,
    signal: controller.signal,
    current: () => parseConfig(CONFIG),
    adopt: () => assert.fail('adopted'),
    ...force,
  });
  return warnings;
}

const stored = (text: string): StoredConfig => ({ text, revision: 1 });

test('a config that is gone is told of once, an outage not at all', async () => {
  const away = new Error('away');
  const there = stored(CONFIG);
  const warnings = await warningsOf([there, away, null, away, null, there, away, there]);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /config is gone/);
});

test('another network is told of once, and so is what is no config', async () => {
  const other = stored('{"Network":"10.9.0.0/16"}');
  const warnings = await warningsOf([other, other, stored('{'), stored('{')]);
  assert.equal(warnings.length, 2);
  assert.match(warnings[0] ?? '', /more than FastPath/);
  assert.match(warnings[1] ?? '', /not taken up/);
});

test('FastPath is taken up, and again if an older config has come in its place meanwhile', async () => {
  const [plain, fast] = [CONFIG, CONFIG.replace('"vxlan"', '"vxlan","FastPath":true')].map(
    parseConfig,
  );
  assert(plain && fast);
  let config = plain;
  let adopted = 0;
  const text = stored(CONFIG.replace('"vxlan"', '"vxlan","FastPath":true'));
  const warnings = await warningsOf([text, text, text, text], {
    current: () => config,
    adopt(other) {
      assert.deepEqual(other, fast);
      adopted += 1;
      config = adopted === 1 ? plain : other;
    },
  });
  assert.deepEqual([warnings, adopted], [[], 2]);
});
