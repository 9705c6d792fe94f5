import type { Netfilter } from '../backend/contract.ts';
import type { HostReader } from '../kernel/contract.ts';
import { type NetworkConfig, wantsFastPath } from '../lease/config.ts';
import type { MemberSettings } from './world.ts';

/**
 * What FastPath has to know of the host's netfilter; null where it is off, and nothing is read.
 * @param earlier the forward chains of an earlier look are kept: they are for a warning only, and can be long
 */
export async function surveyNetfilter(
  host: HostReader,
  { backend }: NetworkConfig,
  { network, policy: { masquerades } }: Pick<MemberSettings, 'network' | 'policy'>,
  earlier: Netfilter | null,
): Promise<Netfilter | null> {
  if (!wantsFastPath(backend)) return null;
  const [nat, forward] = await Promise.all([
    host.readNat({ network, masquerades }),
    earlier?.forward ?? host.readForwardChains(),
  ]);
  return { ...nat, forward };
}
