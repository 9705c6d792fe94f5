/** The labs that the dataplane is tested in. With a carrier, a lab makes a row. */
import type { LabOptions } from '../../lab/options.ts';
import { PATIENCE } from '../../lab/patience.ts';
import type { Carrier } from '../carriers/contract.ts';

/** What runs in a row: `everything`, or `sizes`: only what may depend on the size and shape of packets. */
export type Scope = 'everything' | 'sizes';

interface LabRow {
  readonly options: Omit<LabOptions, 'name'>;
  readonly scope: Scope;
  /** The hosts' underlay interfaces leave checksums to the CPU, which then verifies every one that arrives. */
  readonly isWithoutChecksums?: boolean;
  /** Also tried where everything is slow: between them they have each kind of underlay. */
  readonly isTelling?: boolean;
  /** Also tried where another backend has been through all of them. */
  readonly isEnough?: boolean;
}

export interface Row extends LabRow {
  readonly name: string;
  readonly carrier: Carrier;
}

const LABS = {
  flat: { options: { underlay: 'flat' }, scope: 'everything', isTelling: true },
  routed: { options: { underlay: 'routed' }, scope: 'everything' },
  'flat, MTU 9000': { options: { underlay: 'flat', mtu: 9000 }, scope: 'sizes', isEnough: true },
  'routed, MTU 9000': { options: { underlay: 'routed', mtu: 9000 }, scope: 'sizes' },
  'routed, a hop of 1400 between': {
    options: { underlay: 'routed', pathMtu: 1400 },
    scope: 'sizes',
    isTelling: true,
    isEnough: true,
  },
  'flat, wire': {
    options: { underlay: 'flat', wire: true },
    scope: 'sizes',
    isTelling: true,
    isEnough: true,
  },
  'routed, wire': { options: { underlay: 'routed', wire: true }, scope: 'sizes' },
  'flat, wire, checksums by the CPU': {
    options: { underlay: 'flat', wire: true },
    scope: 'sizes',
    isWithoutChecksums: true,
    isEnough: true,
  },
} as const satisfies Record<string, LabRow>;

export type LabName = keyof typeof LABS;

/** All labs that a carrier can be in. */
export function labsFor({ isFlatOnly, isRoutedOnly }: Carrier): LabName[] {
  const names = Object.keys(LABS) as LabName[];
  return names.filter((lab) =>
    LABS[lab].options.underlay === 'flat' ? !isRoutedOnly : !isFlatOnly,
  );
}

/** Of labs that try sizes alone, those that tell of a second backend: each kind of underlay, and one large MTU. */
export function fewSizes(carrier: Carrier): LabName[] {
  return labsFor(carrier).filter((lab) => {
    const row: LabRow = LABS[lab];
    return row.isEnough === true;
  });
}

/** A carrier in some of the labs. */
export function rowsOf(carrier: Carrier, labs: readonly LabName[]): Row[] {
  const impossible = labs.find((lab) => !labsFor(carrier).includes(lab));
  if (impossible) throw new Error(`${carrier.name} cannot be in the lab '${impossible}'`);
  return labs.map((lab) => ({ ...LABS[lab], name: `${carrier.name}, ${lab}`, carrier }));
}

/** Those of a scope, or of both; fewer where all is slow. */
export function select(rows: readonly Row[], scope?: Scope): Row[] {
  return rows.filter(
    (row) => (scope ?? row.scope) === row.scope && (PATIENCE === 1 || isTelling(row)),
  );
}

/** Of packets that no program of ours sees, sizes tell nothing about the programs. */
function isTelling({ isTelling, scope, carrier }: Row): boolean {
  return isTelling === true && (scope === 'everything' || isByPrograms(carrier));
}

function isByPrograms({ programs }: Carrier): boolean {
  return programs !== null && programs.see !== 'strays';
}
