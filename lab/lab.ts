import { mkdirSync } from 'node:fs';
import { buildUnderlay } from './build.ts';
import { destroyLab } from './destroy.ts';
import { type Etcd, etcdOf } from './etcd.ts';
import { type Host, hostOf, makeHostFolders } from './host.ts';
import { forgetCleanup, interrupted, onInterrupt, waitForTheEnd } from './interrupt.ts';
import { bpffsOf, folderOf, namespaceOf, removalOf } from './names.ts';
import { type Namespace, namespaceNamed } from './namespace.ts';
import { type FullLabOptions, fillOptions, type LabOptions } from './options.ts';
import { PATIENCE } from './patience.ts';
import { attachPods } from './pod.ts';
import { type Environment, run } from './process.ts';
import { isInUse, readState, thisProcess, writeState } from './state.ts';
import { planTopology, type Topology } from './topology.ts';

export interface Lab {
  readonly name: string;
  readonly options: FullLabOptions;
  readonly topology: Topology;
  readonly hosts: readonly Host[];
  readonly etcd: Etcd | null;
  /** Throws if there is none of that name. */
  host(name: string): Host;
  /** Any node: a router, the fabric. */
  node(name: string): Namespace;
  /** Leaves the lab in place when this process ends; `destroyLab(name)` removes it. */
  keep(): void;
  destroy(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The network of a lab unless a test wants another. */
export const NETWORK_CONFIG = { Network: '10.5.0.0/16', Backend: { Type: 'vxlan' } } as const;

/**
 * Builds a lab of network namespaces: hosts on a private underlay, an empty namespace for each pod, a store. What a
 * crashed process left under the name is removed first; a lab in use under the name is an error. On SIGINT and SIGTERM
 * the lab is destroyed and the process ends.
 */
export async function createLab(options: LabOptions): Promise<Lab> {
  const full = fillOptions(options);
  const { name } = full;
  if (process.getuid?.() !== 0) throw new Error('labs are made of network namespaces: run as root');
  if (isInUse(readState(name))) throw new Error(`lab ${name} exists: ${removalOf(name)}`);
  await destroyLab(name);

  onInterrupt(`lab ${name}`, () => destroyLab(name));
  try {
    writeState({ options: full, creator: thisProcess(), etcdPid: null });
    mkdirSync(bpffsOf(name), { recursive: true });
    await run(['mount', '-t', 'bpf', 'bpf', bpffsOf(name)]);
    const lab = describe(full, null);
    await buildUnderlay(full, lab.topology);
    lab.hosts.forEach(makeHostFolders);
    await lab.etcd?.start();
    return lab;
  } catch (error) {
    await destroyLab(name);
    if (interrupted.aborted) return await waitForTheEnd();
    forgetCleanup(`lab ${name}`);
    throw error;
  }
}

/** A lab that another process has made and kept. */
export function openLab(name: string): Lab {
  const state = readState(name);
  if (state === null) throw new Error(`there is no lab ${name}: make lab LAB=${name}`);
  return describe(state.options, state.etcdPid);
}

/**
 * Writes the network config, joins every host, with `env` for options, and attaches the pods.
 *
 * @returns what each host's last `join` said, in their order
 */
export async function joinAll(
  lab: Lab,
  config: object = NETWORK_CONFIG,
  env: Environment = {},
): Promise<string[]> {
  const [first] = lab.hosts;
  await first?.tartan(['init-config', '-'], { input: JSON.stringify(config) });
  const join = async (host: Host) => (await host.tartan(['join'], { env })).stdout;
  const joinFirst = async (host: Host) => {
    const said = await join(host);
    await attachPods(host);
    return said;
  };
  if (PATIENCE > 1) return await joinInTurn(lab.hosts, joinFirst, join);
  await Promise.all(lab.hosts.map(joinFirst));
  // Those who joined first have not seen those who joined last; nothing of ours stays behind to tell them.
  return await Promise.all(lab.hosts.map(join));
}

/** With one CPU nothing is gained by many at once, and who joins last has seen all the others. */
async function joinInTurn(
  hosts: readonly Host[],
  joinFirst: (host: Host) => Promise<string>,
  join: (host: Host) => Promise<string>,
): Promise<string[]> {
  const said: string[] = [];
  for (const [index, host] of hosts.entries()) said[index] = await joinFirst(host);
  for (const [index, host] of hosts.slice(0, -1).entries()) said[index] = await join(host);
  return said;
}

function describe(options: FullLabOptions, etcdPid: number | null): Lab {
  const { name } = options;
  const topology = planTopology(options);
  const etcd = options.store === 'etcd' ? etcdOf(name, topology, etcdPid) : null;
  const storeEnv: Record<string, string> = etcd
    ? { FLANNELD_ETCD_ENDPOINTS: etcd.endpoint }
    : { FLANNELD_STORE: `file:${folderOf(name)}/store.db` };
  const hosts = topology.hosts.map((plan) => hostOf(plan, { options, storeEnv }));
  const destroy = async () => {
    await destroyLab(name);
    forgetCleanup(`lab ${name}`);
  };
  return {
    name,
    options,
    topology,
    hosts,
    etcd,
    host(wanted) {
      const host = hosts.find((candidate) => candidate.name === wanted);
      if (host) return host;
      const known = hosts.map((candidate) => candidate.name).join(', ');
      throw new Error(`lab ${name} has no host '${wanted}': it has ${known}`);
    },
    node: (wanted) => namespaceNamed(namespaceOf(name, wanted)),
    keep() {
      forgetCleanup(`lab ${name}`);
      writeState({ options, creator: null, etcdPid: etcd?.pid() ?? null });
    },
    destroy,
    [Symbol.asyncDispose]: destroy,
  };
}
