import { spreadOf } from '../../src/bench/statistics.ts';
import { type Finding, ratioSpread } from '../findings.ts';
import type { Plan } from '../matrix.ts';
import { measurePackets } from '../measure.ts';
import type { Built } from '../setups.ts';

/** Packet rates without and with something, in turn, in millions a second. */
export interface Rates {
  readonly without: number[];
  readonly with: number[];
}

/** Measures a setup without and with what `put` does to it; `put` returns what takes it away again. */
export async function measureToggled(
  { lab }: Built,
  { repeats, seconds }: Plan,
  put: () => Promise<() => Promise<void>>,
): Promise<Rates> {
  const rates: Rates = { without: [], with: [] };
  for (let repeat = 0; repeat < repeats; repeat++) {
    rates.without.push((await measurePackets(lab, seconds)) / 1e6);
    const takeAway = await put();
    rates.with.push((await measurePackets(lab, seconds)) / 1e6);
    await takeAway();
  }
  return rates;
}

/** Three findings: both rates, and their ratio. */
export function findingsOf(id: string, name: string, what: string, rates: Rates): Finding[] {
  return [
    {
      id: `${id}/without`,
      what: `${name}: 64-byte packets`,
      unit: 'Mpps',
      value: spreadOf(rates.without),
    },
    {
      id: `${id}/with`,
      what: `${name}: 64-byte packets, ${what}`,
      unit: 'Mpps',
      value: spreadOf(rates.with),
    },
    {
      id: `${id}/ratio`,
      what: `${name}: packets, ${what} / without`,
      unit: '',
      value: ratioSpread(rates.with, rates.without),
    },
  ];
}
