/** What the source check, the counters and the conntrack look-up cost a packet, each by itself. */
import { spreadOf } from '../../src/bench/statistics.ts';
import { type Finding, ratioSpread } from '../findings.ts';
import type { Plan } from '../matrix.ts';
import { type Built, buildSetups } from '../setups.ts';
import { putNat } from './nat_rules.ts';
import { measureToggled, type Rates } from './toggle.ts';
import { isKnown, type Macro, replacePrograms } from './variants.ts';

const CELL = { wire: 'veth', mtu: 1500, underlay: 'flat' } as const;

const PARTS: readonly { macro: Macro; what: string; letters: readonly string[]; nat: boolean }[] = [
  { macro: 'NO_SOURCE_CHECK', what: 'source check', letters: ['T', 'P'], nat: false },
  { macro: 'NO_COUNTERS', what: 'counters', letters: ['T', 'P'], nat: false },
  // Flows are looked up only while the host has NAT rules.
  { macro: 'NO_CONNTRACK', what: 'conntrack look-up', letters: ['P'], nat: true },
];

export async function measureCosts(plan: Plan): Promise<Finding[]> {
  const setups = plan.setups.filter(({ letter }) => letter === 'T' || letter === 'P');
  await using labs = await buildSetups(setups, CELL, plan);
  const findings: Finding[] = [];
  for (const built of labs.built) {
    for (const part of PARTS) {
      if (!part.letters.includes(built.setup.letter)) continue;
      if (isKnown(part.macro)) findings.push(...(await measurePart(built, plan, part)));
      else plan.leaveOut(`cost of the ${part.what}, the programs do not know ${part.macro}`);
    }
  }
  return findings;
}

async function measurePart(
  built: Built,
  plan: Plan,
  { macro, what, nat }: (typeof PARTS)[number],
): Promise<Finding[]> {
  const { setup, lab } = built;
  plan.say(`costs ${setup.letter} ${setup.name}, ${what}`);
  const removeNat = nat ? await putNat(lab, setup.letter) : null;
  const rates = await measureToggled(built, plan, async () => {
    const replaced = lab.hosts.map((host) => replacePrograms(host, macro));
    return async () => {
      for (const one of replaced) one[Symbol.dispose]();
    };
  });
  await removeNat?.();
  const id = `costs/${setup.letter}/${macro}`;
  return [
    {
      id: `${id}/ns`,
      what: `${setup.name}: ${what}`,
      unit: 'ns a packet',
      value: nanosecondsOf(rates),
    },
    {
      id: `${id}/ratio`,
      what: `${setup.name}: packets with ${what} / without`,
      unit: '',
      value: ratioSpread(rates.without, rates.with),
    },
  ];
}

/** `with` is with the variant, which lacks the part. Rates are in millions a second. */
function nanosecondsOf(rates: Rates) {
  return spreadOf(
    rates.without.map((full, i) => 1000 / full - 1000 / (rates.with[i] ?? Number.NaN)),
  );
}
