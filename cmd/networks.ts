/** `run` for several networks: each has what a process of its own would have, but for the port of its probes. */
import { join, resolve } from 'node:path';
import { createHealth, createHealths, type Healths } from '../src/agent/health.ts';
import { type Membership, runNetworks } from '../src/agent/networks.ts';
import { networksIn, subnetFileIn } from '../src/agent/other_networks.ts';
import { run } from '../src/agent/run.ts';
import { teardown } from '../src/agent/teardown.ts';
import type { Options } from '../src/cli/options.ts';
import type { NetworkDirectory } from '../src/store/contract.ts';
import type { Context } from './process.ts';
import {
  etcdOptionsOf,
  memberSettingsOf,
  openHost,
  openMonitor,
  openStore,
  reconcileIntervalOf,
} from './wire.ts';

/** Whether the options ask for it. */
export function namesSeveral(options: Options): boolean {
  return options.networks.length > 0 || options['watch-networks'];
}

export function healthsOf(options: Options): Healths {
  const seconds = reconcileIntervalOf(options);
  return createHealths(() => createHealth(seconds, () => performance.now()));
}

/** Until the context's signal aborts. */
export async function runSeveral(context: Context, healths: Healths): Promise<void> {
  const { options, signal, emit } = context;
  const reconcileIntervalSeconds = reconcileIntervalOf(options);
  const directory = options['watch-networks'] ? await openDirectory(context) : null;
  await runNetworks(
    {
      healths,
      signal,
      emit,
      directory,
      now: Date.now,
      member: (network, membership) => takePart(context, network, membership),
      joined: () => networksIn(resolve(options['state-dir']), resolve(options['subnet-dir'])),
      leave: (network, until) => leave(context, network, until),
    },
    { networks: options.networks, intervalMs: reconcileIntervalSeconds * 1000 },
  );
}

async function openDirectory({ options, defer }: Context): Promise<NetworkDirectory> {
  const directory = await openNamedDirectory(options);
  defer(directory);
  return directory;
}

async function openNamedDirectory({ store, ...options }: Options): Promise<NetworkDirectory> {
  if (store === null) {
    const { openEtcdNetworks } = await import('../src/store/etcd_networks.ts');
    return openEtcdNetworks(etcdOptionsOf({ store, ...options }));
  }
  const { parseStoreUrl } = await import('../src/store/select.ts');
  const { openFileNetworks } = await import('../src/store/file_networks.ts');
  return openFileNetworks(parseStoreUrl(store).path);
}

/** As `run` does with one. */
async function takePart(
  context: Context,
  network: string,
  { health, signal, emit }: Membership,
): Promise<void> {
  await withOwn(context, network, signal, async (own) => {
    const reconcileIntervalSeconds = reconcileIntervalOf(own.options);
    const host = await openHost(own);
    const watchHost = await openMonitor(own);
    const settings = memberSettingsOf(own.options);
    await run(
      { ...host, watchHost, health, emit, openStore: () => openStore(own) },
      { ...settings, policy: { ...settings.policy, apart: true }, reconcileIntervalSeconds },
    );
  });
}

/** The store says that the network is gone: there is no lease to give back, or its keys come back with it. */
function leave(context: Context, network: string, signal: AbortSignal): Promise<boolean> {
  return withOwn(context, network, signal, async (own) => {
    const settings = { ...memberSettingsOf(own.options), keepLease: true };
    const host = await openHost(own);
    const { changed } = await teardown({ ...host, openStore: () => openStore(own) }, settings);
    return changed;
  });
}

/** A context of the network's own, with what is opened in it closed at the end. */
async function withOwn<T>(
  context: Context,
  network: string,
  signal: AbortSignal,
  work: (own: Context) => Promise<T>,
): Promise<T> {
  const opened: { close(): Promise<void> }[] = [];
  const { options, log } = context;
  const told = (line: typeof log.warn) => (message: string, fields?: object) =>
    line(message, { network, ...fields });
  const own: Context = {
    ...context,
    signal,
    options: optionsFor(options, network),
    log: {
      error: told(log.error),
      warn: told(log.warn),
      info: told(log.info),
      debug: told(log.debug),
    },
    defer: (resource) => opened.push(resource),
  };
  try {
    return await work(own);
  } finally {
    await Promise.allSettled(opened.map((resource) => resource.close()));
  }
}

/** Where each of several networks has its config, its leases and its subnet file: flannel's layout. */
function optionsFor(options: Options, network: string): Options {
  const { store } = options;
  return {
    ...options,
    network,
    'etcd-prefix': `${options['etcd-prefix'].replace(/\/+$/, '')}/${network}`,
    store: store === null ? null : `${join(store, network)}.db`,
    'subnet-file': subnetFileIn(resolve(options['subnet-dir']), network),
  };
}
