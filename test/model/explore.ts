/** Goes through all that can happen, each state once, nearest first: so what is found wrong is told in the fewest steps. */
import { PROTOCOL, type Protocol } from './protocol.ts';
import { createSuccessors } from './steps.ts';
import { firstWorld, type NodeState, type Scenario, type World } from './world.ts';

export interface Exploration {
  /** How many different states there are. */
  readonly states: number;
  readonly steps: number;
  /** What happened in one of them at least: the first word after a node's name, and so on. */
  readonly seen: ReadonlySet<string>;
  readonly counterexample: Counterexample | null;
}

export interface Counterexample {
  readonly flaws: readonly string[];
  /** From the beginning to where it went wrong. */
  readonly trace: readonly string[];
}

/** @throws Error if there are more states than the limit: then nothing is proved */
export async function explore(
  scenario: Scenario,
  protocol: Protocol = PROTOCOL,
  limit = 2_000_000,
): Promise<Exploration> {
  const successors = createSuccessors(protocol);
  const identify = createIdentifier();
  const seen = new Set<string>();
  const first = firstWorld(scenario);
  const numbers = new Map([[identify(first), 0]]);
  /** By number: the state before, and what led on. */
  const origins: { from: number; what: string }[] = [{ from: -1, what: '' }];
  let steps = 0;

  const tracing = (number: number): string[] => {
    const trace: string[] = [];
    for (let at = number; at > 0; at = origins[at]?.from ?? 0)
      trace.unshift(origins[at]?.what ?? '');
    return trace;
  };

  let layer: World[] = [first];
  let base = 0;
  while (layer.length > 0) {
    const next: World[] = [];
    const nextBase = numbers.size;
    for (const [place, world] of layer.entries()) {
      for (const step of await successors(world)) {
        steps += 1;
        seen.add(step.what);
        if (step.flaws.length > 0) {
          const trace = [...tracing(base + place), step.what];
          return {
            states: numbers.size,
            steps,
            seen,
            counterexample: { flaws: step.flaws, trace },
          };
        }
        const key = identify(step.world);
        if (numbers.has(key)) continue;
        if (numbers.size === limit) throw new Error(`more than ${limit} states: ${scenario.name}`);
        numbers.set(key, numbers.size);
        origins.push({ from: base + place, what: step.what });
        next.push(step.world);
      }
    }
    layer = next;
    base = nextBase;
  }
  return { states: numbers.size, steps, seen, counterexample: null };
}

/** For people. */
export function describeCounterexample({ flaws, trace }: Counterexample): string {
  const lines = trace.map((what, i) => `${String(i + 1).padStart(4)}  ${what}`);
  return [...lines, ...flaws.map((flaw) => `      ✗ ${flaw}`)].join('\n');
}

/** Gives equal states equal names. Most parts of a state are those of the one before: each is spelled out once. */
function createIdentifier(): (world: World) => string {
  const numbers = new Map<string, number>();
  const known = new WeakMap<object, number>();
  const numberOf = (part: object, spell: () => unknown): number => {
    const before = known.get(part);
    if (before !== undefined) return before;
    const text = JSON.stringify(spell());
    const number = numbers.get(text) ?? numbers.size;
    numbers.set(text, number);
    known.set(part, number);
    return number;
  };
  const partOf = (part: object | null) => part && numberOf(part, () => part);
  return ({ store, nodes, left, backup, reserved, now }) => {
    const parts = [
      now,
      numberOf(store, () => store),
      ...nodes.map((node) => numberOf(node, () => spellNode(node, partOf))),
      numberOf(left, () => left),
      backup === null ? '' : numberOf(backup, () => backup),
      reserved.length,
    ];
    return parts.join(' ');
  };
}

/** Where work stands follows from what it was told. */
function spellNode(
  { work, view, held, remembered, ...rest }: NodeState,
  partOf: (part: object | null) => number | null,
): unknown {
  const parts = [partOf(view), partOf(held), partOf(remembered)];
  return [rest, parts, work && [work.number, work.disturbed]];
}
