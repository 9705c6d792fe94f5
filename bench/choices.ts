/** What `make bench` is told by variables. Empty ones count as not given. */
import { type Cell, selectCells } from './cells.ts';
import { SETUP_LETTERS, type SetupLetter, USUAL_LETTERS } from './ways.ts';

export const PARTS = ['matrix', 'peers', 'rules', 'nat', 'costs', 'control', 'leases'] as const;
export type Part = (typeof PARTS)[number];

export interface Choices {
  readonly cells: readonly Cell[];
  readonly letters: readonly SetupLetter[];
  readonly parts: readonly Part[];
  readonly repeats: number;
  /** Of one run. */
  readonly seconds: number;
  /** Path of a flanneld to measure beside. */
  readonly flanneld: string | null;
  /** Nothing was left out that is measured by itself: such a run may be published. */
  readonly whole: boolean;
  /** As it can be typed again. */
  readonly command: string;
}

const VARIABLES = ['MATRIX', 'ONLY', 'SETUPS', 'PARTS', 'REPEATS', 'SECONDS_PER_RUN', 'FLANNELD'];

/** @throws Error naming the variable and the value */
export function readChoices(env: NodeJS.ProcessEnv): Choices {
  const given = (name: string) => env[name]?.trim() || null;
  const matrix = given('MATRIX') ?? 'usual';
  if (matrix !== 'usual' && matrix !== 'full')
    throw new Error(`MATRIX=${matrix}: must be usual or full`);
  const only = listOf(given('ONLY'));
  const flanneld = given('FLANNELD');
  const usual = matrix === 'full' ? SETUP_LETTERS : USUAL_LETTERS;
  const named = oneOfEach('SETUPS', listOf(given('SETUPS')), SETUP_LETTERS);
  const letters = (named.length > 0 ? named : usual).filter(
    (letter) => letter !== 'F' || flanneld !== null || named.includes('F'),
  );
  if (named.includes('F') && flanneld === null)
    throw new Error('SETUPS has F, which is flanneld: FLANNELD=path names it');
  const parts = oneOfEach('PARTS', listOf(given('PARTS')), PARTS);
  return {
    cells: selectCells(matrix, only),
    letters:
      flanneld !== null && named.length === 0 ? [...new Set([...letters, 'F' as const])] : letters,
    parts: parts.length > 0 ? parts : PARTS,
    repeats: wholeNumber('REPEATS', given('REPEATS') ?? '3'),
    seconds: duration('SECONDS_PER_RUN', given('SECONDS_PER_RUN') ?? '2'),
    flanneld,
    whole: only.length === 0 && named.length === 0 && parts.length === 0,
    command: [...VARIABLES.flatMap((name) => assignment(name, given(name))), 'make bench'].join(
      ' ',
    ),
  };
}

/** Whose path it is says nothing to others. */
function assignment(name: string, value: string | null): string[] {
  if (value === null) return [];
  return [`${name}=${name === 'FLANNELD' ? '…' : value}`];
}

function listOf(text: string | null): string[] {
  return (text ?? '').split(/[\s,]+/).filter(Boolean);
}

function oneOfEach<T extends string>(
  name: string,
  values: readonly string[],
  known: readonly T[],
): T[] {
  const strange = values.find((value) => !(known as readonly string[]).includes(value));
  if (strange !== undefined)
    throw new Error(`${name} has ${strange}: must be of ${known.join(', ')}`);
  return known.filter((value) => values.includes(value));
}

function wholeNumber(name: string, text: string): number {
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text);
  throw new Error(`${name}=${text}: must be a whole number from 1 to 999`);
}

function duration(name: string, text: string): number {
  const seconds = Number(text);
  if (/^[\d.]+$/.test(text) && seconds >= 0.1 && seconds <= 60) return seconds;
  throw new Error(`${name}=${text}: must be a number from 0.1 to 60`);
}
