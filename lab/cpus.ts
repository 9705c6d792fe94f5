import { availableParallelism } from 'node:os';
import type { Host } from './host.ts';

/** The CPU of a host: the first host has the first, and so on in turn. */
export function cpuOf(index: number): number {
  return index % availableParallelism();
}

/**
 * Gives each host a CPU of its own for what it receives, as if it were a machine (receive packet steering, Documentation/
 * networking/scaling in the kernel's tree). Left alone, all hosts' packets are worked off wherever they were sent from:
 * one connection is then sent by two CPUs, the one that writes and the one that hears the acknowledgements, packets
 * overtake each other at the veths, and the figure is that of the retransmissions: from 6 to 87 Gb/s were seen for one
 * and the same path.
 */
export function spreadHosts(hosts: readonly Host[]): Promise<void> {
  return steer(hosts, (index) => (1 << cpuOf(index)).toString(16));
}

/** Lets every packet's whole path run on the CPU that sent it, which is how namespaces are by themselves. */
export function gatherHosts(hosts: readonly Host[]): Promise<void> {
  return steer(hosts, () => '0');
}

async function steer(hosts: readonly Host[], maskOf: (index: number) => string): Promise<void> {
  for (const [index, host] of hosts.entries()) {
    for (const namespace of [host, ...host.pods]) {
      // /sys shows the devices of the namespace that it was mounted in. Cables only: what comes out of a tunnel stays on
      // the CPU that unpacked it.
      await namespace.exec([
        ...['unshare', '--mount', 'bash', '-c'],
        `mount -t sysfs sysfs /sys && for mask in /sys/class/net/{eth,pod}*/queues/rx-*/rps_cpus; do if [ -e "$mask" ]; then echo ${maskOf(index)} >"$mask"; fi; done`,
      ]);
    }
  }
}
