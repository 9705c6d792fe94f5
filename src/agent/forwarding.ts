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

/** Chains that nobody can look into: they may drop what pods send, or hold rules of ours. For people. */
export function describeUnreadable(chains: readonly ForwardChain[] = []): string[] {
  return chains.flatMap(({ by, chain, unreadable }) =>
    unreadable === undefined
      ? []
      : [`what ${chain} of iptables-${by} does with this network cannot be told: ${unreadable}`],
  );
}

/** Warns of them. */
export function warnOfUnreadable(chains: readonly ForwardChain[] | undefined, log: Log): void {
  for (const message of describeUnreadable(chains)) {
    log.warn(message, {
      hint: 'It takes the command, its lock, and for iptables-legacy CAP_NET_RAW. Rules with the comment tartan:… in it are left as they are.',
    });
  }
}
