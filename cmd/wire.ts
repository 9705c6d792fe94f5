/** The one place that picks the store, the kernel and the backends; each is imported only where it is needed. */
import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { EndpointWorld } from '../src/agent/endpoint_sync.ts';
import type { Verdict } from '../src/agent/health.ts';
import { interruptible } from '../src/agent/interrupt.ts';
import { requireCapabilities } from '../src/agent/privilege.ts';
import { networkNamespaceInode } from '../src/agent/state_file.ts';
import { HOOK_LIMIT_SECONDS, type SubnetHook } from '../src/agent/subnet_change.ts';
import {
  DEFAULT_NETWORK,
  type MemberSettings,
  type Places,
  type World,
} from '../src/agent/world.ts';
import type { Options } from '../src/cli/options.ts';
import { TartanError } from '../src/errors.ts';
import type { Kernel, WatchHost } from '../src/kernel/contract.ts';
import type { Source } from '../src/serve/reading.ts';
import type { LeaseStore } from '../src/store/contract.ts';
import type { EtcdStoreOptions } from '../src/store/etcd_options.ts';
import type { TlsPaths } from '../src/store/tls_files.ts';
import type { Context } from './process.ts';

/** flannel's defaults. */
const ETCD_ENDPOINTS = ['http://127.0.0.1:4001', 'http://127.0.0.1:2379'];

/**
 * Opens the store that the options name.
 * @param create whether a file that is not there is made: a mistyped path must not become a store
 */
export async function openStore(context: Context, create = false): Promise<LeaseStore> {
  const { options, signal, defer } = context;
  const store = await (options.remote === null
    ? openOwnStore(options, create)
    : openRemote(options.remote, options));
  defer(store);
  return interruptible(store, signal);
}

/** One in etcd or a file, which nobody closes. */
export function openOwnStore(options: Options, create: boolean): Promise<LeaseStore> {
  return options.store === null ? openEtcd(options) : openNamed(options.store, create);
}

/** What a server offers; a network that has a name here has the same there. */
async function openRemote(remote: string, options: Options): Promise<LeaseStore> {
  const { openHttpStore } = await import('../src/store/http.ts');
  const { network } = options;
  const named = network === DEFAULT_NETWORK ? {} : { network };
  return openHttpStore({ remote, ...named, ...remoteFilesOf(options) });
}

/** The certificates of this end, be it the client's or the server's. */
export function remoteFilesOf(options: Options): TlsPaths {
  return withoutNulls({
    cafile: options['remote-cafile'],
    certfile: options['remote-certfile'],
    keyfile: options['remote-keyfile'],
  });
}

type Given<T> = { readonly [Name in keyof T]?: Exclude<T[Name], null> };

function withoutNulls<T extends object>(values: T): Given<T> {
  const given = Object.entries(values).filter(([, value]) => value !== null);
  return Object.fromEntries(given) as Given<T>;
}

async function openNamed(url: string, create: boolean): Promise<LeaseStore> {
  const { parseStoreUrl } = await import('../src/store/select.ts');
  const { path } = parseStoreUrl(url);
  if (!create && !holdsSomething(path)) {
    throw new TartanError(
      'CONFIG_MISSING',
      existsSync(path) ? `${path} is empty, and no store` : `there is no store at ${path}`,
      `Make it with \`tartan init-config --store ${url}\`, or name the right one.`,
    );
  }
  const { openFileStore } = await import('../src/store/file.ts');
  return openFileStore({ path });
}

function holdsSomething(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

/** @param prefix of the keys, for a network that has a name */
export async function openEtcd(
  options: Options,
  prefix: string = options['etcd-prefix'],
): Promise<LeaseStore> {
  const { openEtcdStore } = await import('../src/store/etcd.ts');
  return openEtcdStore({ ...etcdOptionsOf(options), prefix });
}

export function etcdOptionsOf(options: Options): EtcdStoreOptions {
  const given = withoutNulls({
    cafile: options['etcd-cafile'],
    certfile: options['etcd-certfile'],
    keyfile: options['etcd-keyfile'],
    username: options['etcd-username'],
    password: options['etcd-password'],
  });
  const endpoints = options['etcd-endpoints'] ?? ETCD_ENDPOINTS;
  return { endpoints, prefix: options['etcd-prefix'], ...given };
}

/** Opens the kernel, if this process may change it. */
export async function openKernel({ options, defer }: Context): Promise<Kernel> {
  requireCapabilities(await readFile('/proc/self/status', 'utf8'));
  const kernelRoom = await import('../src/kernel/kernel.ts');
  const { network, bpffs } = placesOf(options);
  const kernel = kernelRoom.openKernel({
    network,
    bpffs,
    networkNamespace: await networkNamespaceInode(),
    genericXdp: options.force,
  });
  defer(kernel);
  return kernel;
}

/** What `endpoint` touches: no store, and so nothing that may be away. */
export async function openEndpointWorld(context: Context): Promise<EndpointWorld> {
  const kernel = await openKernel(context);
  const [{ hostReader }, { lockFile }] = await Promise.all([
    import('../src/kernel/host.ts'),
    import('../src/sys/flock.ts'),
  ]);
  return { kernel, host: hostReader, lockFile, signal: context.signal };
}

/** Everything that `join` and `watch` touch. */
export async function openWorld(context: Context): Promise<World> {
  // First what needs the privilege: without it nothing is opened, and no file is made.
  const host = await openHost(context);
  return { ...host, store: await openStore(context) };
}

/** The same without the store, which may not be there yet. */
export async function openHost(context: Context): Promise<Omit<World, 'store'>> {
  const kernel = await openKernel(context);
  const [{ hostReader }, { lockFile }, { backendFor }] = await Promise.all([
    import('../src/kernel/host.ts'),
    import('../src/sys/flock.ts'),
    import('../src/backend/table.ts'),
  ]);
  const { log, signal } = context;
  const clocks = { now: Date.now, elapsed: () => performance.now() };
  return { kernel, host: hostReader, lockFile, log, signal, backendFor, ...clocks };
}

/** Absolute: what is remembered holds wherever the next command runs. */
export function placesOf(options: Options): Places {
  return {
    network: options.network,
    stateDir: resolve(options['state-dir']),
    bpffs: resolve(options.bpffs),
    subnetFile: resolve(options['subnet-file']),
  };
}

export function memberSettingsOf(options: Options): MemberSettings {
  return {
    ...placesOf(options),
    underlay: {
      ifaces: options.iface,
      ifacePatterns: options['iface-regex'],
      canReach: options['iface-can-reach'],
      publicIp: options['public-ip'],
    },
    attach: { by: options.attach, force: options.force },
    policy: {
      masquerades: options['ip-masq'],
      forwards: options['iptables-forward-rules'],
      blackholes: options['ip-blackhole-route'],
      apart: false,
    },
    renewMarginSeconds: options['subnet-lease-renew-margin'] * 60,
    dataplane: options.dataplane,
    onSubnetChange: hookOf(options),
  };
}

/** In seconds: everything is looked at whenever something has to be. */
export function reconcileIntervalOf(options: Options): number {
  const [every, rules] = [options['reconcile-interval'], options['iptables-resync']];
  return rules === null || !options['iptables-forward-rules'] ? every : Math.min(every, rules);
}

function hookOf({ network, 'on-subnet-change': command }: Options): SubnetHook | null {
  if (command === null) return null;
  const environment = { ...process.env, TARTAN_NETWORK: network };
  return { command, environment, limitSeconds: HOOK_LIMIT_SECONDS };
}

/** Answers probes and Prometheus until the command ends, if a port is named for it. */
export async function openHealthServer(
  { options, defer }: Context,
  health: { alive(): Verdict; ready(): Verdict },
  sources: () => readonly Source[],
): Promise<void> {
  const [address, port] = [options['healthz-ip'], options['healthz-port']];
  if (port === 0) return;
  const [{ serveHealth }, { openMetrics }] = await Promise.all([
    import('../src/serve/health.ts'),
    import('./metrics.ts'),
  ]);
  const probes = {
    '/healthz': health.alive,
    '/readyz': health.ready,
    '/metrics': await openMetrics(sources),
  } as const;
  defer(await serveHealth({ address, port }, probes));
}

/** Where news of the host come from, until the context's signal aborts. */
export async function openMonitor({ options, signal }: Context): Promise<WatchHost> {
  const { hostMonitor } = await import('../src/kernel/monitor.ts');
  return hostMonitor({ ...placesOf(options), signal });
}
