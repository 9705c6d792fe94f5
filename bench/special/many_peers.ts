/** What 50,000 peers cost: to be put into the maps, and in packets a second. */

import { spreadOf } from '../../src/bench/statistics.ts';
import { readPeers, removePeers, writePeers } from '../../src/bpf/peer_maps.ts';
import { type Finding, ratioSpread } from '../findings.ts';
import type { Plan } from '../matrix.ts';
import { measurePackets } from '../measure.ts';
import { manyPeers, mapsOf, WIDE_CONFIG } from '../peers.ts';
import { type Built, buildSetups } from '../setups.ts';

const FEW = 10;
const MANY = 50_000;
const CELL = { wire: 'veth', mtu: 1500, underlay: 'flat' } as const;

/** Of setups that keep their peers in maps: T and P. */
export async function measureManyPeers(plan: Plan): Promise<Finding[]> {
  const setups = plan.setups.filter(({ letter }) => letter === 'T' || letter === 'P');
  await using labs = await buildSetups(setups, CELL, {
    leaveOut: plan.leaveOut,
    config: WIDE_CONFIG,
  });
  const findings: Finding[] = [];
  for (const built of labs.built) findings.push(...(await measureOne(built, plan)));
  return findings;
}

async function measureOne({ setup, lab }: Built, plan: Plan): Promise<Finding[]> {
  const { repeats, seconds, say } = plan;
  const times: number[] = [];
  const rates = { few: [] as number[], many: [] as number[] };
  for (let repeat = 1; repeat <= repeats; repeat++) {
    using _few = install(lab, FEW);
    rates.few.push((await measurePackets(lab, seconds)) / 1e6);
    _few[Symbol.dispose]();
    using many = install(lab, MANY);
    times.push(many.milliseconds);
    rates.many.push((await measurePackets(lab, seconds)) / 1e6);
    say(
      `peers ${repeat}/${repeats} ${setup.letter}: ${MANY} in ${many.milliseconds.toFixed(0)} ms`,
    );
  }
  const { letter, name } = setup;
  return [
    {
      id: `peers/${letter}/install`,
      what: `${name}: ${MANY} peers into the maps`,
      unit: 'ms',
      value: spreadOf(times),
    },
    {
      id: `peers/${letter}/few`,
      what: `${name}: 64-byte packets with ${FEW} peers`,
      unit: 'Mpps',
      value: spreadOf(rates.few),
    },
    {
      id: `peers/${letter}/many`,
      what: `${name}: 64-byte packets with ${MANY} peers`,
      unit: 'Mpps',
      value: spreadOf(rates.many),
    },
    {
      id: `peers/${letter}/ratio`,
      what: `${name}: packets with ${MANY} peers / with ${FEW}`,
      unit: '',
      value: ratioSpread(rates.many, rates.few),
    },
  ];
}

/** Writes peers into the maps of both hosts, until disposed. `milliseconds`: of the slower host. */
function install(lab: Built['lab'], count: number): { milliseconds: number } & Disposable {
  const peers = manyPeers(count);
  const subnets = peers.map(({ subnet }) => subnet);
  const times = lab.hosts.map((host) => {
    using maps = mapsOf(host);
    const before = readPeers(maps).size;
    const started = performance.now();
    writePeers(maps, peers);
    const elapsed = performance.now() - started;
    const added = readPeers(maps).size - before;
    if (added !== count) throw new Error(`${added} of ${count} peers are in the maps`);
    return elapsed;
  });
  let isThere = true;
  return {
    milliseconds: Math.max(...times),
    [Symbol.dispose]() {
      if (!isThere) return;
      isThere = false;
      for (const host of lab.hosts) {
        using maps = mapsOf(host);
        removePeers(maps, subnets);
      }
    },
  };
}
