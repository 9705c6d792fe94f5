import type { HostReader } from '../kernel/contract.ts';
import type { ForwardChain } from '../plan/forward.ts';
import type { Log } from './log.ts';

/** Warns where the host does not route: then a join succeeds, and pods reach nobody. */
export async function warnOfForwarding(
  host: HostReader,
  underlay: string,
  log: Log,
): Promise<void> {
  const hint = (name: string) => ({ hint: `Switch it on: sysctl -w ${name}=1` });
  const { byDefault, byUnderlay } = await host.readForwarding(underlay);
  if (!byDefault) {
    const name = 'net.ipv4.ip_forward';
    log.warn(`${name} is 0: this host does not route packets of pods`, hint(name));
  } else if (!byUnderlay) {
    const name = `net.ipv4.conf.${underlay}.forwarding`;
    log.warn(
      `${name} is 0: pods do not reach what is behind ${underlay}, and each packet to a peer asks for its way anew`,
      hint(name.replace(underlay, underlay.replaceAll('.', '/'))),
    );
  }
}

/** Warns of chains that may drop what pods send, and that nobody can look into. */
export function warnOfForwardChains(chains: readonly ForwardChain[], log: Log): void {
  for (const { by, chain, unreadable } of chains) {
    if (unreadable === undefined) continue;
    log.warn(
      `whether ${chain} of iptables-${by} drops this network cannot be told: ${unreadable}`,
      {
        hint: 'It takes the command, and for iptables-legacy CAP_NET_RAW. Or give --iptables-forward-rules=false, and accept the network by rules of your own.',
      },
    );
  }
}
