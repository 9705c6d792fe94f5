/** Which way the packets are carried: by the programs, or as the kernel does it by itself. */
import type { Backend, DataplaneChoice } from '../backend/contract.ts';
import type { Kernel } from '../kernel/contract.ts';

/** `auto`: by the programs where they can be loaded, else by what the kernel has. */
export const DATAPLANES = ['auto', 'bpf', 'kernel', 'user'] as const;

export type DataplaneOption = (typeof DATAPLANES)[number];

/**
 * Chooses once, when a command starts: what runs on keeps the choice. `bpf` where the programs cannot be loaded is a
 * choice with a refusal: there may be none to load.
 */
export async function chooseDataplane(
  kernel: Kernel,
  option: DataplaneOption,
): Promise<DataplaneChoice> {
  if (option === 'kernel' || option === 'user') return { kind: option, reason: null };
  const obstacle = await kernel.probe();
  if (obstacle === null) return { kind: 'bpf', reason: null };
  const choice = { kind: 'kernel', reason: obstacle.message } as const;
  return option === 'bpf' ? { ...choice, refusal: obstacle } : choice;
}

/** What carries the packets where the programs cannot. */
export function fallBackOf({ dataplanes }: Backend): 'kernel' | 'user' {
  return dataplanes.includes('kernel') ? 'kernel' : 'user';
}
