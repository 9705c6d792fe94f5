import { mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { podNames } from './build.ts';
import { bpffsOf, folderOf, namespaceOf } from './names.ts';
import { type Namespace, namespaceNamed } from './namespace.ts';
import type { FullLabOptions } from './options.ts';
import { type Pod, podOf } from './pod.ts';
import type { Environment, Running, RunOptions, RunResult, StartOptions } from './process.ts';
import { TARTAN, tartanIn } from './tartan.ts';
import { type HostPlan, UNDERLAY_DEVICE } from './topology.ts';

/** The checkout's folder. */
export const CHECKOUT = resolve(import.meta.dirname, '..');

export interface Host extends Namespace {
  readonly name: string;
  /** Underlay address: the host's PublicIP. */
  readonly address: string;
  /** The router in front of it; `null` where hosts see each other directly. */
  readonly router: string | null;
  /** The underlay interface. */
  readonly device: string;
  readonly pods: readonly Pod[];
  readonly bpffs: string;
  readonly stateDir: string;
  readonly subnetFile: string;
  /** The FLANNELD_* variables by which `tartan` finds this host's store, pins and files; set for every command. */
  readonly env: Environment;
  /** `tartan(['join'])` */
  tartan(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  startTartan(args: readonly string[], options?: StartOptions): Running;
}

export interface HostContext {
  readonly options: FullLabOptions;
  /** The variables that name the store: the same on every host. */
  readonly storeEnv: Readonly<Record<string, string>>;
}

export function hostOf(plan: HostPlan, { options, storeEnv }: HostContext): Host {
  const folder = `${folderOf(options.name)}/${plan.name}`;
  const bpffs = `${bpffsOf(options.name)}/${plan.name}`;
  const stateDir = `${folder}/state`;
  const subnetFile = `${folder}/subnet.env`;
  const env: Environment = {
    ...withoutAmbientOptions(),
    ...storeEnv,
    FLANNELD_BPFFS: bpffs,
    FLANNELD_STATE_DIR: stateDir,
    FLANNELD_SUBNET_FILE: subnetFile,
    // Not `auto`: what a test is about must not fall back.
    FLANNELD_DATAPLANE: dataplaneOf(plan.name, options),
    PATH: `${dirname(TARTAN)}:${process.env.PATH}`,
  };
  const namespaceName = namespaceOf(options.name, plan.name);
  const namespace = namespaceNamed(namespaceName, env);
  const tartan = tartanIn(namespaceName, env);
  return {
    ...namespace,
    ...plan,
    device: UNDERLAY_DEVICE,
    pods: podNames(plan.name, options.pods).map((name) => podOf(options.name, name)),
    bpffs,
    stateDir,
    subnetFile,
    env,
    tartan: tartan.run,
    startTartan: tartan.start,
  };
}

function dataplaneOf(name: string, { kernelHosts, userHosts }: FullLabOptions): string {
  if (userHosts.includes(name)) return 'user';
  return kernelHosts.includes(name) ? 'kernel' : 'bpf';
}

/** Options of the shell that the lab is started from must not reach the hosts. */
function withoutAmbientOptions(): Environment {
  const ambient = Object.keys(process.env).filter((name) => name.startsWith('FLANNELD_'));
  return Object.fromEntries(ambient.map((name) => [name, undefined]));
}

/** Makes the folders that a host's files and pins go to. */
export function makeHostFolders(host: Host): void {
  mkdirSync(dirname(host.subnetFile), { recursive: true });
  mkdirSync(host.bpffs, { recursive: true });
}
