/** `run` for several networks: each has what a process of its own would have, but for the port of its probes. */
import { join, resolve } from 'node:path';
import type { WatchEvent } from '../src/agent/events.ts';
import { createHealth, createHealths, type Health, type Healths } from '../src/agent/health.ts';
import { type Membership, runNetworks } from '../src/agent/networks.ts';
import { networksIn, subnetFileIn } from '../src/agent/other_networks.ts';
import { createTally } from '../src/agent/tally.ts';
import { teardown } from '../src/agent/teardown.ts';
import type { Options } from '../src/cli/options.ts';
import type { Source } from '../src/serve/reading.ts';
import type { NetworkDirectory } from '../src/store/contract.ts';
import { type Observers, runMember } from './member.ts';
import type { Context } from './process.ts';
import {
  etcdOptionsOf,
  memberSettingsOf,
  openHost,
  openStore,
  reconcileIntervalOf,
} from './wire.ts';

/** Whether the options ask for it. */
export function namesSeveral(options: Options): boolean {
  return options.networks.length > 0 || options['watch-networks'];
}

/** All networks of a process. */
export interface Networks {
  readonly healths: Healths;
  /** Those that are taken part in now, for who measures them. */
  sources(): readonly Source[];
  /**
   * Until the context's signal aborts.
   * @param changed is told that a health may say something else now
   */
  run(context: Context, changed: () => void): Promise<void>;
}

export function openNetworks(options: Options): Networks {
  const seconds = reconcileIntervalOf(options);
  const elapsed = () => performance.now();
  const healths = createHealths(() => createHealth(seconds, elapsed));
  /** What one has counted is kept while it fails and begins again. */
  const sources = new Map<string, Source & Observed>();
  const observe = (network: string, health: Health) => {
    const tally = sources.get(network)?.tally ?? createTally(elapsed);
    const observed = { network, health, tally };
    sources.set(network, observed);
    return observed;
  };
  return {
    healths,
    sources: () => [...sources.values()],
    async run(context, changed) {
      const { signal, emit } = context;
      const directory = options['watch-networks'] ? await openDirectory(context) : null;
      await runNetworks(
        {
          healths,
          signal,
          directory,
          now: Date.now,
          emit(event) {
            emit(event);
            changed();
          },
          member: (network, membership) => {
            const observed = observe(network, membership.health);
            return takePart(context, network, membership, { ...observed, changed });
          },
          joined: () => {
            const [states, subnets] = [
              resolve(options['state-dir']),
              resolve(options['subnet-dir']),
            ];
            return networksIn(states, subnets, isInStoreOf(options));
          },
          leave(network, until) {
            sources.delete(network);
            return leave(context, network, until);
          },
        },
        { networks: options.networks, intervalMs: seconds * 1000 },
      );
    },
  };
}

type Observed = Pick<Observers, 'health' | 'tally'>;

async function openDirectory({ options, defer }: Context): Promise<NetworkDirectory> {
  const directory = await openNamedDirectory(options);
  defer(directory);
  return directory;
}

async function openNamedDirectory(options: Options): Promise<NetworkDirectory> {
  const { store } = options;
  if (store === null) {
    const { openEtcdNetworks } = await import('../src/store/etcd_networks.ts');
    return openEtcdNetworks(etcdOptionsOf(options));
  }
  const { parseStoreUrl } = await import('../src/store/select.ts');
  const { openFileNetworks } = await import('../src/store/file_networks.ts');
  return openFileNetworks(parseStoreUrl(store).path);
}

/** As `run` does with one. */
async function takePart(
  context: Context,
  network: string,
  { signal, emit }: Membership,
  observers: Observers,
): Promise<void> {
  await withOwn(context, network, signal, async (own) => {
    const reconcileIntervalSeconds = reconcileIntervalOf(own.options);
    const settings = memberSettingsOf(own.options);
    const policy = { ...settings.policy, apart: true };
    const tell = (event: unknown) => emit(event as WatchEvent);
    await runMember(
      { ...own, emit: tell },
      { ...settings, policy, reconcileIntervalSeconds },
      observers,
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

/**
 * Whether a state tells of a network that lies under this prefix, or in this folder: what was joined elsewhere is no business
 * of a process that does not see it, be it by a slip of the pen.
 */
function isInStoreOf(options: Options): (store: string, network: string) => boolean {
  return (store, network) => {
    const { store: file, 'etcd-prefix': prefix } = optionsFor(options, network);
    return file === null ? store.endsWith(`, under ${prefix}`) : store === file.replace(':', ' ');
  };
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
