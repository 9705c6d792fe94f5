import type { Decision } from '../backend/contract.ts';
import { ProgramsRefused } from '../errors.ts';
import type { Kernel } from '../kernel/contract.ts';
import type { Op } from '../plan/op.ts';
import { requireKernelMode } from './carrier.ts';
import type { Converger } from './converge.ts';
import { type DataplaneOption, fallBackOf } from './dataplane.ts';
import type { Survey } from './survey.ts';

export interface Carried {
  /** As it was carried out: without the programs, if they were refused. */
  readonly found: Survey;
  readonly desired: Decision;
  readonly ops: readonly Op[];
}

/**
 * Brings the kernel in step; without the programs if it refuses the programs and the option leaves the choice. What no probe
 * can tell beforehand, the verifier's word, comes with the load, before anything stands that would be in the way.
 * @param desire what the host is to look like, as it was found
 */
export async function convergeOrFallBack(
  kernel: Kernel,
  converger: Converger,
  found: Survey,
  desire: (found: Survey) => Decision,
  option: DataplaneOption,
): Promise<Carried> {
  const desired = desire(found);
  try {
    return { found, desired, ops: await converger.converge(desired) };
  } catch (error) {
    if (option !== 'auto' || !(error instanceof ProgramsRefused)) throw error;
    const kind = fallBackOf(found.backend);
    const dataplane = { kind, reason: error.message } as const;
    const without = { ...found, node: { ...found.node, dataplane } };
    const other = await requireKernelMode(kernel, converger, without);
    const decision = desire(other);
    return { found: other, desired: decision, ops: await converger.converge(decision) };
  }
}
