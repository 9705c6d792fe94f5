/** The labs that the dataplane is tested in. */
import type { LabOptions } from '../../lab/options.ts';
import { PATIENCE } from '../../lab/patience.ts';

/** What runs in a row: `everything`, or `sizes`: only what may depend on the size and shape of packets. */
export type Scope = 'everything' | 'sizes';

export interface Row {
  readonly name: string;
  readonly options: Omit<LabOptions, 'name'>;
  readonly scope: Scope;
  /** The hosts' underlay interfaces leave checksums to the CPU, which then verifies every one that arrives. */
  readonly isWithoutChecksums?: boolean;
  /** Also tried where everything is slow: between them they have each kind of underlay. */
  readonly isTelling?: boolean;
  /** FastPath is on, and every pod an endpoint. */
  readonly isFast?: boolean;
}

const kernelHosts = ['a', 'b', 'c'];

/** In kernel mode, where nothing is counted or checked: cases of its own. */
export const KERNEL_ROWS: readonly Row[] = [
  {
    name: 'kernel mode, flat',
    options: { underlay: 'flat', kernelHosts },
    scope: 'everything',
    isTelling: true,
  },
  {
    name: 'kernel mode, routed',
    options: { underlay: 'routed', kernelHosts },
    scope: 'everything',
  },
  {
    name: 'kernel mode, routed, MTU 9000',
    options: { underlay: 'routed', mtu: 9000, kernelHosts },
    scope: 'sizes',
  },
  {
    name: 'kernel mode, routed, a hop of 1400 between',
    options: { underlay: 'routed', pathMtu: 1400, kernelHosts },
    scope: 'sizes',
    isTelling: true,
  },
  {
    name: 'kernel mode, flat, wire',
    options: { underlay: 'flat', wire: true, kernelHosts },
    scope: 'sizes',
  },
];

export const DEFAULT_ROWS: readonly Row[] = [
  { name: 'flat', options: { underlay: 'flat' }, scope: 'everything', isTelling: true },
  { name: 'routed', options: { underlay: 'routed' }, scope: 'everything' },
  { name: 'flat, MTU 9000', options: { underlay: 'flat', mtu: 9000 }, scope: 'sizes' },
  { name: 'routed, MTU 9000', options: { underlay: 'routed', mtu: 9000 }, scope: 'sizes' },
  {
    name: 'routed, a hop of 1400 between',
    options: { underlay: 'routed', pathMtu: 1400 },
    scope: 'sizes',
    isTelling: true,
  },
  {
    name: 'flat, wire',
    options: { underlay: 'flat', wire: true },
    scope: 'sizes',
    isTelling: true,
  },
  { name: 'routed, wire', options: { underlay: 'routed', wire: true }, scope: 'sizes' },
  {
    name: 'flat, wire, checksums by the CPU',
    options: { underlay: 'flat', wire: true },
    scope: 'sizes',
    isWithoutChecksums: true,
  },
];

/** What does not hold with FastPath says so in its case: by what is counted, or by who answers. */
export const FAST_ROWS: readonly Row[] = DEFAULT_ROWS.map((row) => ({
  ...row,
  name: `FastPath, ${row.name}`,
  isFast: true,
}));

/** All of them, or fewer where all is slow. */
export function tellingRows(rows: readonly Row[]): readonly Row[] {
  return rows.filter((row) => PATIENCE === 1 || row.isTelling);
}

/** The rows of a list in which everything is tested, or those that are about sizes alone; fewer where all is slow. */
export function rowsOf(rows: readonly Row[], scope: Scope): Row[] {
  return tellingRows(rows).filter((row) => row.scope === scope);
}
