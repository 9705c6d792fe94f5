/** Which way the packets are carried: by the programs, or as the kernel does it by itself. */
import type { DataplaneChoice, Decision } from '../backend/contract.ts';
import type { Kernel } from '../kernel/contract.ts';
import type { Log } from './log.ts';

/** `auto`: by the programs where they can be loaded, else in kernel mode. */
export const DATAPLANES = ['auto', 'bpf', 'kernel'] as const;

export type DataplaneOption = (typeof DATAPLANES)[number];

/**
 * Chooses once, when a command starts: what runs on keeps the choice.
 * @throws TartanError for `bpf` where the programs cannot be loaded
 */
export async function chooseDataplane(
  kernel: Kernel,
  option: DataplaneOption,
  log: Log,
): Promise<DataplaneChoice> {
  if (option === 'kernel') return { kind: 'kernel', reason: null };
  const obstacle = await kernel.probe();
  if (obstacle === null) return { kind: 'bpf', reason: null };
  if (option === 'bpf') throw obstacle;
  return kernelModeBecause(obstacle.message, log);
}

/** Kernel mode where nobody asked for it. */
export function kernelModeBecause(reason: string, log: Log): DataplaneChoice {
  log.warn(`kernel mode, without source check and counters: ${reason}`);
  return { kind: 'kernel', reason };
}

/** How many peers a state carries packets to. */
export function countPeers({ dataplane, fdb }: Decision): number {
  return dataplane === null ? fdb.length : dataplane.peers.size;
}
