/** Everything that can happen next: what the nodes do, what the store does, and what goes wrong. */
import type { Lease, LeaseAttributes } from '../../src/lease/lease.ts';
import { sameAttributes } from '../../src/lease/peers.ts';
import type { StoreUpdate } from '../../src/store/contract.ts';
import { flawsAtRest, flawsOf } from './check.ts';
import { lose } from './conclude.ts';
import { faultsOf } from './faults.ts';
import { attributesOf, isDue, type Job, type Protocol, TICK_MS } from './protocol.ts';
import { keyOf, removeKey, snapshot, updateAfter } from './store.ts';
import { hear } from './view.ts';
import { createWorker, type Worker } from './work.ts';
import {
  type Held,
  momentOf,
  type NodeState,
  nodeAt,
  type Step,
  spend,
  type World,
  withNode,
} from './world.ts';

/** Gives all that can happen next, and which invariants do not hold. */
export function createSuccessors(protocol: Protocol): (world: World) => Promise<Step[]> {
  const worker = createWorker(protocol);
  return async (world) => {
    const due = lapses(world);
    const possible: Step[] = [];
    for (const [index, node] of world.nodes.entries()) {
      const steps = await stepsOfNode(protocol, worker, world, index);
      // Who cannot reach the store may stand still for any time, also in the middle of its work.
      (node.up && node.connected ? due : possible).push(...steps);
    }
    // Whoever is in contact does in time what is due: only when nothing is, hours go by.
    const atRest = due.length === 0;
    if (atRest && world.left.ticks > 0) possible.push(tick(world));
    const flaws = atRest ? flawsAtRest(world) : [];
    const steps = [...due, ...possible, ...(await faultsOf(worker, world))];
    return steps.map((step) => ({
      what: step.what,
      world: trimmed(step.world),
      flaws: [...flaws, ...step.flaws, ...flawsOf(step.world)],
    }));
  };
}

async function stepsOfNode(
  protocol: Protocol,
  worker: Worker,
  world: World,
  index: number,
): Promise<Step[]> {
  const node = nodeAt(world, index);
  const { name, connected } = node;
  if (!node.up) {
    if (!connected) return [];
    const started = withNode(world, index, { up: true });
    const next = await worker.start(started, index, joinOf(world, index));
    return [{ what: `${name} starts`, world: next, flaws: [] }];
  }
  const news = connected ? await newsOf(protocol, world, index) : [];
  if (node.work !== null) return [...(await worker.goOn(world, index)), ...news];
  if (!connected) return [];
  const job = nextJob(protocol, world, index);
  if (job === null) return news;
  const next = await worker.start(world, index, job);
  return [{ what: `${name} is to ${job.does}`, world: next, flaws: [] }, ...news];
}

/** What an idle node is to do now. */
function nextJob(protocol: Protocol, world: World, index: number): Job | null {
  const node = nodeAt(world, index);
  const { kind, held, lost, rested } = node;
  if (rested) return null;
  if (kind === 'timer' || held === null || lost) return joinOf(world, index);
  const { lease, learnt } = held;
  const attributes = offerOf(node, index);
  const publishesOther = !sameAttributes(attributes, lease.attributes);
  if (!publishesOther && !isDue(protocol, lease, learnt, momentOf(world, node))) return null;
  return { does: 'renew', own: lease, attributes };
}

function joinOf({ nodes, subnets }: World, index: number): Job {
  const node = nodes[index];
  if (node === undefined) throw new RangeError(`there is no node ${index}`);
  const { publicIp, vtepMac, remembered, subnetEnv } = node;
  const freshMac = freshMacOf(node, index);
  return {
    does: 'join',
    subnets,
    publicIp,
    vtepMac,
    freshMac,
    remembered,
    previousSubnet: subnetEnv,
  };
}

function offerOf(node: NodeState, index: number): LeaseAttributes {
  return attributesOf(node.publicIp, node.vtepMac ?? freshMacOf(node, index));
}

function freshMacOf({ boots }: NodeState, index: number): string {
  return `02:00:00:00:0${boots}:0${index + 1}`;
}

/** What the watch tells. */
async function newsOf(protocol: Protocol, world: World, index: number): Promise<Step[]> {
  const node = nodeAt(world, index);
  const { name, view, held, position, lost } = node;
  if (view === null || held === null) return [];
  const update =
    position === null
      ? ({ type: 'snapshot', snapshot: snapshot(world.store) } as const)
      : updateAfter(world.store, position);
  if (update === null || update.type === 'unavailable') return [];
  const heard = await hear(protocol, view, update, held.lease, offerOf(node, index));
  const revision = update.type === 'snapshot' ? update.snapshot.revision : update.revision;
  const told = { view: heard.view, position: revision, heard: true };
  const next = withNode(world, index, { ...told, held: renumbered(held, update) });
  const what = `${name} hears of ${update.type === 'snapshot' ? 'everything anew' : `revision ${revision}`}`;
  const flaws = heard.changes
    .filter(({ lease }) => isSame(lease, held.lease))
    .map(({ type }) => `${name} reports its own lease as ${type}`);
  if (!heard.lost || lost) return [{ what, world: next, flaws }];
  const losing = lose(next, index);
  return [{ what: `${what}: lost`, world: losing.world, flaws: [...flaws, ...losing.flaws] }];
}

/** As `watch` does it: what is told anew may count its revisions anew. */
function renumbered(held: Held, update: StoreUpdate): Held {
  if (update.type !== 'snapshot') return held;
  const found = update.snapshot.leases.find((lease) => isSame(lease, held.lease));
  if (found === undefined || found.revision >= held.lease.revision) return held;
  return { ...held, lease: { ...held.lease, revision: found.revision } };
}

function isSame(a: Lease, b: Lease): boolean {
  return keyOf(a.subnet) === keyOf(b.subnet);
}

/** What has ended is removed, sooner or later. */
function lapses(world: World): Step[] {
  const over = world.store.entries.filter(({ endsAt }) => endsAt !== null && endsAt <= world.now);
  return over.map(({ key }) => ({
    what: `${key} expires`,
    world: { ...world, store: removeKey(world.store, key) },
    flaws: [],
  }));
}

function tick(world: World): Step {
  const now = world.now + TICK_MS;
  const nodes = world.nodes.map((node) => ({
    ...node,
    rested: false,
    grants: node.grants.filter(({ endsAt }) => endsAt === null || endsAt > now),
  }));
  const hours = TICK_MS / 3_600_000;
  const backup = world.backup ?? world.store;
  return {
    what: `${hours} hours go by`,
    world: spend({ ...world, now, nodes, backup }, 'ticks'),
    flaws: [],
  };
}

/** Without the history that nobody asks for any more: or else every world would be another. */
function trimmed(world: World): World {
  const from = Math.min(...world.nodes.flatMap(positionsOf));
  const changes = world.store.changes.filter(({ revision }) => revision > from);
  if (changes.length === world.store.changes.length) return world;
  return { ...world, store: { ...world.store, changes } };
}

/** From where on a node's watch goes on, or may begin once its work is done. */
function positionsOf({ view, position, work }: NodeState): number[] {
  if (view !== null) return position === null ? [] : [position];
  const answers = work?.told.map((told) => ('answer' in told ? told.answer : null)) ?? [];
  return answers.flatMap((answer) =>
    typeof answer === 'object' && answer !== null && 'leases' in answer ? [answer.revision] : [],
  );
}
