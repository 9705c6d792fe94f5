/** The same two pods on the same kind of wire, connected in different ways. */

import { flannelByHand, native } from '../lab/baseline.ts';
import { createLab, joinAll, type Lab, NETWORK_CONFIG } from '../lab/lab.ts';
import type { LabOptions } from '../lab/options.ts';
import { hostDevice } from '../lab/pod.ts';
import { CommandError, type Environment, run } from '../lab/process.ts';
import { TARTAN } from '../lab/tartan.ts';
import { waitForPing } from '../lab/traffic.ts';
import type { Cell } from './cells.ts';
import { runFlanneld } from './flanneld.ts';
import { bothPods } from './measure.ts';

/** In the order of the report. */
export const SETUP_LETTERS = ['N', 'B', 'F', 'T', 'P', 'K', 'C', 'X'] as const;
export type SetupLetter = (typeof SETUP_LETTERS)[number];

/** Without MATRIX=full. */
export const USUAL_LETTERS: readonly SetupLetter[] = ['N', 'B', 'T', 'P'];

export interface Setup {
  readonly letter: SetupLetter;
  readonly name: string;
  readonly store?: LabOptions['store'];
  /** What the tartan of this checkout must have: words of its help. */
  readonly needs?: { readonly help: readonly string[]; readonly word: string };
  /** Where the host refuses it, it is left out. */
  readonly optional?: boolean;
  connect(lab: Lab, config?: NetworkConfig): Promise<void>;
}

/** A network config whose Backend a setup may add to. */
export interface NetworkConfig {
  readonly Network: string;
  readonly SubnetLen?: number;
  readonly Backend: { readonly Type: string };
}

/** All setups by letter. */
export function setupsWith(flanneld: string | null): Record<SetupLetter, Setup> {
  const list: Setup[] = [
    { letter: 'N', name: 'plain routing', connect: native },
    { letter: 'B', name: "flannel's way, by hand", connect: flannelByHand },
    {
      letter: 'F',
      name: 'flanneld',
      store: 'etcd',
      connect: (lab) => runFlanneld(lab, flanneld ?? 'flanneld'),
    },
    { letter: 'T', name: 'tartan', connect: (lab, config) => joinAll(lab, config) },
    {
      letter: 'P',
      name: 'tartan, FastPath',
      needs: { help: ['--help'], word: 'endpoint' },
      connect: joinWithFastPath,
    },
    {
      letter: 'K',
      name: 'tartan, kernel mode',
      needs: { help: ['join', '--help'], word: '--dataplane' },
      connect: (lab, config) => joinIn('kernel', lab, config, { FLANNELD_DATAPLANE: 'kernel' }),
    },
    {
      letter: 'C',
      name: 'tartan, by clsact',
      needs: { help: ['join', '--help'], word: '--attach' },
      connect: (lab, config) => joinAll(lab, config, { FLANNELD_ATTACH: 'clsact' }),
    },
    {
      letter: 'X',
      name: 'tartan, with XDP',
      needs: { help: ['join', '--help'], word: '--attach' },
      optional: true,
      connect: (lab, config) =>
        joinAll(lab, config, { FLANNELD_ATTACH: 'xdp', FLANNELD_FORCE: 'true' }),
    },
  ];
  return Object.fromEntries(list.map((setup) => [setup.letter, setup])) as Record<
    SetupLetter,
    Setup
  >;
}

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

async function joinWithFastPath(lab: Lab, config: NetworkConfig = NETWORK_CONFIG): Promise<void> {
  await joinAll(lab, { ...config, Backend: { ...config.Backend, FastPath: true } });
  for (const host of lab.hosts) {
    for (const [index, pod] of host.pods.entries())
      await host.tartan(['endpoint', 'add', hostDevice(index), pod.address]);
    await requireMode(lab, host.name, 'fastpath');
  }
}

async function joinIn(
  mode: string,
  lab: Lab,
  config: NetworkConfig | undefined,
  env: Environment,
): Promise<void> {
  await joinAll(lab, config, env);
  for (const { name } of lab.hosts) await requireMode(lab, name, mode, env);
}

/** A host that quietly took another mode would be measured under the wrong name. */
async function requireMode(
  lab: Lab,
  hostName: string,
  wanted: string,
  env: Environment = {},
): Promise<void> {
  const { stdout } = await lab.host(hostName).tartan(['join'], { env });
  const { mode } = JSON.parse(stdout) as { mode: string };
  if (mode !== wanted) throw new Error(`host ${hostName} joined in mode ${mode}, not ${wanted}`);
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
 * A lab of two hosts, connected, over which a ping has gone. `null`: the host refused an optional setup, and `leaveOut` has
 * heard why.
 */
export async function buildSetup(
  setup: Setup,
  cell: Cell,
  { leaveOut, config }: BuildOptions,
): Promise<Built | null> {
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
