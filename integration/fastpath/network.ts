/** Labs whose hosts have joined with FastPath and made all their pods endpoints. */
import type { Host } from '../../lab/host.ts';
import { createLab, joinAll } from '../../lab/lab.ts';
import type { LabOptions } from '../../lab/options.ts';
import { hostDevice } from '../../lab/pod.ts';
import { waitForPing } from '../../lab/traffic.ts';
import type { EndpointAdded } from '../../src/agent/endpoint.ts';
import type { Carrier } from '../carriers/contract.ts';
import { describeMembers, type Network, networkOf } from '../dataplane/network.ts';

/** Three hosts. */
export async function createFastNetwork(options: LabOptions, carrier: Carrier): Promise<Network> {
  const lab = await createLab(options);
  try {
    const joined = await joinAll(lab, carrier.config);
    for (const host of lab.hosts) await addEndpoints(host);
    const members = await describeMembers(lab, carrier, joined);
    // Each pod must have sent something: its MAC is learned from that.
    const pods = lab.hosts.flatMap((host) => host.pods);
    for (const from of pods) await Promise.all(pods.map((to) => waitForPing(from, to.address)));
    return networkOf(lab, members, carrier);
  } catch (error) {
    await lab.destroy();
    throw error;
  }
}

/** Makes every pod of a host an endpoint. */
export async function addEndpoints(host: Host): Promise<EndpointAdded[]> {
  const added: EndpointAdded[] = [];
  for (const [index, { address }] of host.pods.entries()) {
    added.push(await endpoint(host, 'add', hostDevice(index), address));
  }
  return added;
}

/** What `tartan endpoint …` prints. */
export async function endpoint<T = EndpointAdded>(
  host: Host,
  ...words: readonly string[]
): Promise<T> {
  return JSON.parse((await host.tartan(['endpoint', ...words])).stdout) as T;
}

interface Counter {
  readonly rule?: { readonly expr: readonly { readonly counter?: { readonly packets: number } }[] };
}

/** Counts what the host forwards, by a rule of nftables; no rule of ours changes that. */
export async function countForwarded(host: Host): Promise<void> {
  await host.exec(['nft', '-f', '-'], {
    input: 'table ip seen { chain forwarded { type filter hook forward priority 0; counter; }; }\n',
  });
}

/** Packets that the host's forward hook has seen since {@link countForwarded}. */
export async function readForwarded(host: Host): Promise<number> {
  const { stdout } = await host.exec(['nft', '-j', 'list', 'chain', 'ip', 'seen', 'forwarded']);
  const { nftables } = JSON.parse(stdout) as { nftables: Counter[] };
  const counters = nftables.flatMap(({ rule }) => rule?.expr ?? []);
  return counters.find(({ counter }) => counter !== undefined)?.counter?.packets ?? 0;
}
