/** Bringing the endpoints alone in step, without a store: what else is there is taken as it is. */
import { setTimeout as pause } from 'node:timers/promises';
import { endpointAttachments } from '../backend/fast_path.ts';
import { TartanError } from '../errors.ts';
import { parseIpv4 } from '../net/ipv4.ts';
import { parsePrefix, prefixContains } from '../net/prefix.ts';
import type { Endpoint, ObjectName } from '../plan/dataplane.ts';
import { diff } from '../plan/diff.ts';
import { generationName, irregularPlacesOf, objectOf } from '../plan/generations.ts';
import type { Op } from '../plan/op.ts';
import type { ObservedState } from '../plan/state.ts';
import { surveyEndpoints } from './endpoints.ts';
import { stopIfInterrupted } from './interrupt.ts';
import { takeLock } from './lock.ts';
import { lockPath } from './state_file.ts';
import type { Places, World } from './world.ts';

export type EndpointWorld = Pick<World, 'kernel' | 'host' | 'lockFile' | 'signal'>;

/** What keeps the endpoints from being served; null: they are. */
export type Obstacle = string | null;

const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 100;
const LIMIT_MS = 5000;

/**
 * Waits until the kernel has the endpoints as they are written down: does it itself as soon as nobody else is at work
 * on this network, and leaves it to `watch` while that runs.
 * @throws TartanError `BUSY` if it is not done within 5 s
 */
export async function syncEndpointsAlone(world: EndpointWorld, places: Places): Promise<Obstacle> {
  const limit = performance.now() + LIMIT_MS;
  const path = lockPath(places.stateDir, places.network);
  for (let waitMs = FIRST_PAUSE_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_PAUSE_MS)) {
    stopIfInterrupted(world.signal);
    const lock = await takeLock(world.lockFile, path);
    if (lock !== null) {
      try {
        return await bringInStep(world, places);
      } finally {
        lock.release();
      }
    }
    // What is looked at while somebody else changes it may be half there.
    const seen = await plan(world, places).catch(() => null);
    if (seen?.ops.length === 0 && LASTING.includes(seen.obstacle)) return seen.obstacle;
    if (performance.now() > limit) {
      throw new TartanError(
        'BUSY',
        `it is written down, but another tartan, which holds ${path}, has not taken it up within ${LIMIT_MS / 1000} s`,
        'It will at its next look; run the command again to wait for it.',
      );
    }
    await pause(waitMs);
  }
}

async function bringInStep(world: EndpointWorld, places: Places): Promise<Obstacle> {
  const { ops, obstacle } = await plan(world, places);
  for (const op of ops) await world.kernel.apply(op);
  return obstacle;
}

async function plan({ kernel, host }: EndpointWorld, places: Places) {
  const [observed, endpoints] = await Promise.all([
    kernel.observe(),
    surveyEndpoints(host, places),
  ]);
  return planEndpoints(observed, endpoints);
}

/** The steps that concern endpoints, and why none of them is served if that is so. */
export function planEndpoints(
  observed: ObservedState,
  endpoints: readonly Endpoint[],
): { readonly ops: readonly Op[]; readonly obstacle: Obstacle } {
  const found = findGeneration(observed);
  if (typeof found === 'string') return { ops: [], obstacle: found };
  const { object, settings, peers } = found;
  const inside = ({ address }: Endpoint) => isInside(settings.ownSubnet, address);
  const served = settings.fastPath ? endpoints.filter(inside) : [];
  const ops = diff(
    {
      network: settings.network,
      links: observed.links.filter((link) => link.kind !== 'foreign'),
      addresses: observed.addresses,
      routes: observed.routes,
      neighbors: [],
      fdb: [],
      filter: null,
      dataplane: {
        object,
        settings,
        peers,
        endpoints: new Map(served.map((endpoint) => [endpoint.address, endpoint])),
        attachments: [
          ...observed.attachments.filter(({ program }) => program !== 'endpoint_send'),
          ...endpointAttachments(served, found.by),
        ],
      },
    },
    observed,
  ).filter(concernsEndpoints);
  return { ops, obstacle: settings.fastPath ? null : OFF };
}

/** Those added under an earlier subnet of this host are not served. */
export function isInside(subnet: string, address: string): boolean {
  return prefixContains(parsePrefix(subnet), parseIpv4(address));
}

const OFF =
  'FastPath is off: the network config does not ask for it, or `tartan join` warns why it cannot be';

const KERNEL_MODE = 'this host is in kernel mode, which has no FastPath: `tartan join` says why';

/** What does not pass by itself while somebody else is at work. */
const LASTING: readonly Obstacle[] = [null, OFF, KERNEL_MODE];

function concernsEndpoints(op: Op): boolean {
  if (op.op === 'endpoints.write' || op.op === 'endpoints.remove') return true;
  const isAttachment = op.op === 'bpf.attach' || op.op === 'bpf.detach';
  return isAttachment && op.attachment.program === 'endpoint_send';
}

/** The generation in use, or why there is none that could be changed. */
function findGeneration({ attachments, generations, builds, links }: ObservedState) {
  if (links.some(({ kind }) => kind === 'classic')) {
    return KERNEL_MODE;
  }
  const receiving = attachments.find(({ program }) => program.endsWith('_receive'));
  if (receiving?.generation == null) {
    // host-gw has programs for FastPath only.
    const isBare = generations.size === 0 && links.every(({ kind }) => kind === 'foreign');
    return isBare ? OFF : 'the programs are not attached: run `tartan join`';
  }
  const { generation: name, by } = receiving;
  const found = generations.get(name);
  const { settings, peers } = found ?? {};
  const object = objectOf(name) as ObjectName;
  const build = builds[object];
  const isOfThisBuild =
    settings != null &&
    typeof build === 'string' &&
    name === generationName(object, build, settings, irregularPlacesOf(name)) &&
    found?.flaw === undefined;
  if (!isOfThisBuild || peers === undefined) {
    return 'the programs in the kernel are not of this version: run `tartan join`';
  }
  return { object, settings, peers, by };
}
