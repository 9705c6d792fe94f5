import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createMetrics } from '../../src/serve/metrics.ts';
import { optionsOf, sourceOf } from '../serve/sources.ts';
import { expressionsOf, namesIn, namesTold, read } from './names.ts';
import { NO_PROMTOOL, promtool } from './promtool.ts';

const scrape = async () => (await createMetrics(optionsOf([sourceOf()]))()).text;

function assertAccepts(args: readonly string[]): void {
  const { status, said } = promtool(args);
  assert.equal(status, 0, said);
}

test('promtool takes the rules, and each alert comes when it should', {
  skip: NO_PROMTOOL,
}, () => {
  assertAccepts(['check', 'rules', 'monitoring/alerts.yml']);
  assertAccepts(['test', 'rules', 'monitoring/alerts_test.yml']);
});

test('every alert is tested as one that comes', () => {
  const alerts = Array.from(read('monitoring/alerts.yml').matchAll(/alert: (\w+)/g), ([, a]) => a);
  const tested = read('monitoring/alerts_test.yml').matchAll(/alertname: (\w+)\n +exp_alerts/g);
  assert.deepEqual([...new Set(Array.from(tested, ([, a]) => a))].sort(), alerts.sort());
});

test('promtool takes what is scraped, and finds nothing to say of it', {
  skip: NO_PROMTOOL,
}, async () => {
  const text = await scrape();
  const { status, said } = promtool(['check', 'metrics'], text);
  assert.deepEqual({ status, said }, { status: 0, said: '' });
  assert.equal(promtool(['check', 'metrics'], text.replace('# HELP', '# ')).status, 3);
});

test("promtool takes the dashboard's expressions as rules", { skip: NO_PROMTOOL }, () => {
  const panels = expressionsOf(read('monitoring/grafana.json')).filter(
    (expression) => !/^(prometheus|label_values)/.test(expression),
  );
  assert(panels.length > 20);
  const rules = panels.map((expression, n) => ({
    record: `panel_${n}`,
    expr: expression.replaceAll('$__rate_interval', '5m'),
  }));
  const folder = mkdtempSync(join(tmpdir(), 'tartan-rules-'));
  try {
    // JSON is YAML.
    const file = join(folder, 'panels.yml');
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
    assertAccepts(['check', 'rules', file]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('what the dashboard and the rules name is told, and the manual has all of it', async () => {
  const told = namesTold(await scrape());
  const named = namesIn(
    [...expressionsOf(read('monitoring/grafana.json')), read('monitoring/alerts.yml')].join('\n'),
  );
  assert(named.length > 20);
  assert.deepEqual(
    named.filter((name) => !told.includes(name)),
    [],
  );
  assert.deepEqual(namesIn(read('docs/metrics.md')), told);
  assert.deepEqual(
    namesIn(read('monitoring/alerts_test.yml')).filter((name) => !told.includes(name)),
    [],
  );
});
