import type { Namespace } from './namespace.ts';
import { waitFor } from './ready.ts';

interface LinkReport {
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly qdisc: string;
  readonly linkinfo?: { readonly info_slave_data?: { readonly state?: string } };
}

/**
 * Waits until the devices carry packets. The kernel notices that a cable has been plugged in up to a second later, and
 * only then lets a bridge's port forward: until then packets are lost.
 */
export async function waitForLinks(
  namespace: Namespace,
  devices: readonly string[],
): Promise<void> {
  await waitFor(`${devices.join(', ')} carry packets in ${namespace.namespace}`, async () => {
    const { stdout } = await namespace.exec(['ip', '-d', '-json', 'link']);
    const links = (JSON.parse(stdout) as LinkReport[]).filter(({ ifname }) =>
      devices.includes(ifname),
    );
    return links.length === devices.length && links.every(carriesPackets);
  });
}

function carriesPackets({ flags, qdisc, linkinfo }: LinkReport): boolean {
  const portState = linkinfo?.info_slave_data?.state;
  const active = flags.includes('LOWER_UP') && qdisc !== 'noop';
  return active && (portState === undefined || portState === 'forwarding');
}
