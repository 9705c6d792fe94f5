/**
 * `make bench`: tartan beside flannel's way and plain routing, in one run on one machine. All setups of a cell stand at
 * the same time and are measured in turn, so that what else the machine does hits them alike; the figures are medians,
 * and only their ratios mean anything elsewhere.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { runMain } from '../lab/interrupt.ts';
import { busySeconds } from '../src/bench/cpu_time.ts';
import { formatChart } from './chart.ts';
import { type Choices, type Part, readChoices } from './choices.ts';
import { measureControl } from './control.ts';
import { type Figure, formatFigures } from './figures.ts';
import { type Finding, type Sample, summarize } from './findings.ts';
import { judge } from './goals.ts';
import { measureLeases } from './leases.ts';
import { describeMachine } from './machine.ts';
import { measureCell, type Plan } from './matrix.ts';
import { formatPage } from './page.ts';
import { formatFindings, formatRows, formatVerdicts, type Report } from './report.ts';
import { availableSetups } from './setups.ts';
import { measureCosts } from './special/costs.ts';
import { measureManyPeers } from './special/many_peers.ts';
import { measureManyRules } from './special/many_rules.ts';
import { measureNatRules } from './special/nat_rules.ts';
import { measureTimings } from './timings.ts';

const ROOT = `${import.meta.dirname}/..`;

/** Each is measured by itself. */
const SPECIAL: Partial<Record<Part, (plan: Plan) => Promise<Finding[]>>> = {
  peers: measureManyPeers,
  rules: measureManyRules,
  nat: measureNatRules,
  costs: measureCosts,
};

await runMain(async () => {
  const choices = readChoices(process.env);
  const busyBefore = await busyShare();
  if (busyBefore > 0.1) {
    const percent = (100 * busyBefore).toFixed(0);
    console.log(`this machine is ${percent} % busy with other things: the ratios will be noise`);
  }
  const report = await measureAll(choices, busyBefore);
  mkdirSync(`${ROOT}/build`, { recursive: true });
  writeFileSync(`${ROOT}/build/bench.json`, `${JSON.stringify(report, null, 2)}\n`);
  const { rows, findings, figures, verdicts } = report;
  const tables = [formatRows(rows), formatFindings(findings)];
  if (figures.length > 0) tables.push(formatFigures(figures));
  console.log(`\n${[...tables, formatVerdicts(verdicts)].filter(Boolean).join('\n\n')}\n`);
  console.log('build/bench.json has it all');
  if (!choices.whole) return;
  writeFileSync(`${ROOT}/docs/benchmarks.svg`, formatChart(rows));
  writeFileSync(`${ROOT}/docs/benchmarks.md`, formatPage(report));
  console.log('docs/benchmarks.md tells of it');
});

async function measureAll(choices: Choices, busyBefore: number): Promise<Report> {
  const { cells, letters, parts, repeats, seconds, flanneld, command } = choices;
  const machine = describeMachine();
  const say = (text: string) => console.log(text);
  const remarks: string[] = [];
  const leaveOut = (remark: string) => {
    remarks.push(remark);
    say(remark);
  };
  const setups = await availableSetups(letters, flanneld, leaveOut);
  const plan: Plan = { setups, repeats, seconds, say, leaveOut };

  const samples: Sample[] = [];
  if (parts.includes('matrix'))
    for (const cell of cells) samples.push(...(await measureCell(cell, plan)));
  const findings: Finding[] = [];
  for (const part of parts) findings.push(...((await SPECIAL[part]?.(plan)) ?? []));
  const figures: Figure[] = [];
  if (parts.includes('control')) {
    say('commands and control plane');
    const times = Math.max(repeats, 5);
    figures.push(...(await measureTimings(times)), ...(await measureControl(times)));
  }
  if (parts.includes('leases')) {
    say('many leases');
    figures.push(...(await measureLeases(Math.max(repeats, 5))));
  }
  const rows = summarize(samples);
  const verdicts = judge(rows, findings);
  const run = { command, repeats, seconds, busyBefore };
  return {
    machine,
    run,
    rows,
    findings,
    figures,
    verdicts,
    samples,
    remarks: [...new Set(remarks)],
  };
}

/** How much of all its CPUs the machine uses while this process waits for a second. */
async function busyShare(): Promise<number> {
  const before = busySeconds();
  await delay(1000);
  return (busySeconds() - before) / availableParallelism();
}
