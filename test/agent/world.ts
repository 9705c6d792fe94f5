/** A host to run the commands on: a real file store in a temporary folder, and a kernel that only takes notes. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '../../src/agent/log.ts';
import type { UnderlayChoice } from '../../src/agent/underlay.ts';
import type { MemberSettings, Policy, World } from '../../src/agent/world.ts';
import { backendFor } from '../../src/backend/table.ts';
import type { HostInterface, HostReader, Kernel } from '../../src/kernel/contract.ts';
import type { LeaseAttributes } from '../../src/lease/lease.ts';
import type { Op } from '../../src/plan/op.ts';
import type { ObservedState } from '../../src/plan/state.ts';
import type { LeaseStore } from '../../src/store/contract.ts';
import { openFileStore } from '../../src/store/file.ts';

/** Nothing but what is done for every network. */
export const NO_POLICY: Policy = {
  masquerades: false,
  forwards: true,
  blackholes: false,
  apart: false,
};

export const CONFIG = '{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}';

/** A kernel in which nothing of tartan's stands. */
export const EMPTY: ObservedState = {
  links: [],
  addresses: [],
  routes: [],
  neighbors: [],
  fdb: [],
  filter: null,
  generations: new Map(),
  attachments: [],
  builds: { vxlan: '0123456789abcdef' },
};

export interface RecordingKernel extends Kernel {
  readonly ops: Op[];
  /** Fails the next op. */
  failNext(error: Error): void;
}

/** Notes what is asked of it, and always shows the same. */
export function recordingKernel(observed: ObservedState = EMPTY): RecordingKernel {
  const ops: Op[] = [];
  let failure: Error | null = null;
  return {
    ops,
    failNext(error) {
      failure = error;
    },
    probe: async () => null,
    probeFou: async () => null,
    probeTun: async () => null,
    probeNft: async () => null,
    readTraffic: async () => ({ peers: new Map(), counters: {} }),
    readAttachWays: async () => ({ tcx: true, xdp: null }),
    observe: async () => observed,
    async apply(op) {
      const error = failure;
      failure = null;
      if (error !== null) throw error;
      ops.push(op);
    },
    async sweep() {},
    async close() {},
  };
}

/** Of the underlay: that of the default route. */
export const NO_CHOICE: UnderlayChoice = {
  ifaces: [],
  ifacePatterns: [],
  canReach: null,
  publicIp: null,
};

export function interfaceOf(name: string, rest: Partial<HostInterface> = {}): HostInterface {
  const addresses = [{ address: '192.168.64.3', prefixLength: 24 }];
  return {
    name,
    index: 2,
    up: true,
    mtu: 1500,
    mac: '02:00:00:00:00:03',
    kind: '',
    master: null,
    leadsElsewhere: false,
    addresses,
    ...rest,
  };
}

export function hostOf(
  interfaces: readonly HostInterface[],
  defaultRoute: string | null = interfaces[0]?.name ?? null,
): HostReader {
  return {
    readInterfaces: async () => interfaces,
    defaultRouteInterfaces: async () => (defaultRoute === null ? [] : [defaultRoute]),
    wayTowards: async () => null,
    readRoutes: async () => [],
    readForwarding: async () => ({ byDefault: true, byUnderlay: true }),
    readNat: async () => ({ nat: [], blindness: null, doubt: null }),
    readForwardChains: async () => [],
  };
}

export function vxlanAttributes(publicIp: string, vtepMac: string): LeaseAttributes {
  return { publicIp, publicIpv6: null, backendType: 'vxlan', vxlan: { vni: 1, vtepMac } };
}

export interface TestHost extends AsyncDisposable {
  readonly folder: string;
  readonly store: LeaseStore;
  readonly kernel: RecordingKernel;
  readonly world: World;
  readonly settings: MemberSettings;
  readonly warnings: string[];
  readonly controller: AbortController;
}

/** A host with one interface, `eth0`, and a store that holds CONFIG. */
export async function testHost(
  changes: Partial<World> = {},
  observed: ObservedState = EMPTY,
): Promise<TestHost> {
  const folder = await mkdtemp(join(tmpdir(), 'tartan-test-'));
  const store = await openFileStore({ path: join(folder, 'net.db') });
  await store.writeConfig(CONFIG, null);
  const kernel = recordingKernel(observed);
  const controller = new AbortController();
  const warnings: string[] = [];
  const log: Log = {
    error: () => {},
    warn: (message) => warnings.push(message),
    info: () => {},
    debug: () => {},
  };
  return {
    folder,
    store,
    kernel,
    warnings,
    controller,
    world: {
      store,
      kernel,
      host: hostOf([interfaceOf('eth0')]),
      lockFile: () => ({ release() {} }),
      log,
      signal: controller.signal,
      backendFor,
      now: Date.now,
      elapsed: () => performance.now(),
      ...changes,
    },
    settings: {
      network: 'default',
      stateDir: join(folder, 'state'),
      bpffs: '/sys/fs/bpf',
      subnetFile: join(folder, 'run/subnet.env'),
      underlay: NO_CHOICE,
      attach: { by: 'auto', force: false },
      policy: NO_POLICY,
      renewMarginSeconds: 3600,
      dataplane: 'auto',
      onSubnetChange: null,
    },
    async [Symbol.asyncDispose]() {
      controller.abort();
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
