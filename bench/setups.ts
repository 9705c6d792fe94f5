/** The same two pods on the same kind of wire, connected in different ways. */
import { createLab, type Lab } from '../lab/lab.ts';
import { CommandError, run } from '../lab/process.ts';
import { TARTAN } from '../lab/tartan.ts';
import { waitForPing } from '../lab/traffic.ts';
import type { Cell } from './cells.ts';
import { bothPods } from './measure.ts';
import { type NetworkConfig, type Setup, type SetupLetter, setupsWith } from './ways.ts';

/** Those of the letters that this checkout can do; `leaveOut` hears of the others. */
export async function availableSetups(
  letters: readonly SetupLetter[],
  flanneld: string | null,
  leaveOut: (remark: string) => void,
): Promise<Setup[]> {
  const all = setupsWith(flanneld);
  const found: Setup[] = [];
  for (const letter of letters) {
    const setup = all[letter];
    if (await isThere(setup)) found.push(setup);
    else leaveOut(`${letter} ${setup.name}, this tartan has no ${setup.needs?.word}`);
  }
  return found;
}

async function isThere({ needs }: Setup): Promise<boolean> {
  if (!needs) return true;
  const { stdout } = await run([TARTAN, ...needs.help]);
  return stdout.split(/[\s,]+/).includes(needs.word);
}

export interface Built extends AsyncDisposable {
  readonly setup: Setup;
  readonly lab: Lab;
}

export interface BuildOptions {
  /** Hears of what is not measured, and why. */
  leaveOut(remark: string): void;
  readonly config?: NetworkConfig;
}

/**
 * A lab of two hosts, connected, over which a ping has gone. `null`: it is not for such an underlay, or the host refused
 * an optional setup, and `leaveOut` has heard why.
 */
export async function buildSetup(
  setup: Setup,
  cell: Cell,
  { leaveOut, config }: BuildOptions,
): Promise<Built | null> {
  if (setup.isFlat && cell.underlay !== 'flat') {
    leaveOut(`${setup.letter} ${setup.name} over a router, behind which it does not reach`);
    return null;
  }
  const lab = await createLab({
    name: `bench${setup.letter.toLowerCase()}`,
    hosts: 2,
    underlay: cell.underlay === 'flat' ? 'pair' : 'routed',
    mtu: cell.mtu,
    wire: cell.wire === 'wire',
    store: setup.store ?? 'file',
  });
  try {
    await setup.connect(lab, config);
    const [from, to] = bothPods(lab);
    await waitForPing(from, to.address);
  } catch (error) {
    await lab.destroy();
    if (!setup.optional || !(error instanceof CommandError)) throw error;
    leaveOut(`${setup.letter} ${setup.name}, ${error.result.stderr.split('\n', 1)[0]}`);
    return null;
  }
  return { setup, lab, [Symbol.asyncDispose]: () => lab.destroy() };
}

/** Several at once, so that what else the machine does hits them alike. */
export async function buildSetups(
  setups: readonly Setup[],
  cell: Cell,
  options: BuildOptions,
): Promise<{ built: Built[] } & AsyncDisposable> {
  const stack = new AsyncDisposableStack();
  try {
    const built: Built[] = [];
    for (const setup of setups) {
      const one = await buildSetup(setup, cell, options);
      if (one) built.push(stack.use(one));
    }
    return { built, [Symbol.asyncDispose]: () => stack.disposeAsync() };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}
