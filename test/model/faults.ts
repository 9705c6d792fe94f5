/** What can go wrong, each so often as the world has left. */
import type { FormerSelf } from '../../src/lease/ownership.ts';
import { formatPrefix } from '../../src/net/prefix.ts';
import { STOPPED } from './conclude.ts';
import { find, removeKey } from './store.ts';
import type { Worker } from './work.ts';
import {
  addressOf,
  disturbed,
  type NodeState,
  nodeAt,
  type Step,
  spend,
  type World,
  withNode,
} from './world.ts';

const DAY_MS = 86_400_000;

/** All that can go wrong next, and what undoes it. */
export async function faultsOf(worker: Worker, world: World): Promise<Step[]> {
  const steps: Step[] = [];
  const add = (what: string, next: World) => steps.push({ what, world: next, flaws: [] });
  const { left } = world;

  for (const [index, node] of world.nodes.entries()) {
    const { name, up, connected, skew, view, work } = node;
    if (!connected) add(`${name} is back`, withNode(world, index, { connected: true }));
    if (!up || index >= world.victims) continue;
    if (connected && left.cuts > 0) {
      const changes = { connected: false, contact: false, position: null, ...disturbed(node) };
      add(`${name} is cut off`, withNode(spend(world, 'cuts'), index, changes));
    }
    if (left.crashes > 0) {
      add(`${name} is killed`, withNode(spend(world, 'crashes'), index, STOPPED));
    }
    if (left.reboots > 0) {
      add(`${name} reboots`, withNode(spend(world, 'reboots'), index, rebooted(node)));
    }
    if (left.clockSteps > 0) {
      for (const [way, by] of [
        ['back', -DAY_MS],
        ['on', DAY_MS],
      ] as const) {
        const stepped = withNode(spend(world, 'clockSteps'), index, { skew: skew + by });
        add(`${name}'s clock is put ${way} by a day`, stepped);
      }
    }
    if (connected && view !== null && left.resyncs > 0) {
      const stale = withNode(spend(world, 'resyncs'), index, { position: null });
      add(`${name} is to be told everything anew`, stale);
    }
    if (left.moves > 0) {
      const publicIp = addressOf(index, 1);
      add(
        `${name} has the address ${publicIp} now`,
        withNode(spend(world, 'moves'), index, { publicIp }),
      );
    }
    if (left.leaves > 0 && work === null && connected && node.remembered !== null) {
      steps.push(await leaving(worker, spend(world, 'leaves'), index));
    }
  }
  return [...steps, ...(left.deletions > 0 ? deletions(world) : []), ...restores(world)];
}

function rebooted(node: NodeState): Partial<NodeState> {
  const boots = node.boots + 1;
  return { ...STOPPED, vtepMac: null, remembered: null, subnetEnv: null, boots };
}

async function leaving(worker: Worker, world: World, index: number): Promise<Step> {
  const { name, remembered } = nodeAt(world, index);
  if (remembered === null) throw new Error(`${name} has not joined`);
  const stopped = withNode(world, index, { ...STOPPED, up: true });
  const { self, before } = remembered;
  const job = {
    does: 'leave',
    ...identify(self),
    ...(before !== undefined && { before: before.map(identify) }),
  } as const;
  return { what: `${name} is to leave`, world: await worker.start(stopped, index, job), flaws: [] };
}

const identify = ({ subnet, ...rest }: FormerSelf) => ({ ...rest, subnet: formatPrefix(subnet) });

/** Who had it has lost it by no fault of its own. */
function deletions(world: World): Step[] {
  const keys = world.nodes.flatMap(({ grants }) => grants.map(({ key }) => key));
  const present = [...new Set(keys)].filter((key) => find(world.store, key) !== null);
  return present.map((key) => {
    const next = spend(world, 'deletions');
    const nodes = next.nodes.map((node) => {
      const grants = node.grants.filter((granted) => granted.key !== key);
      const gone = { ...node, grants, contact: false, ...disturbed(node) };
      return grants.length === node.grants.length ? node : gone;
    });
    const reserved = next.reserved.filter((other) => other !== key);
    const store = removeKey(next.store, key);
    return {
      what: `somebody removes ${key}`,
      world: { ...next, nodes, reserved, store },
      flaws: [],
    };
  });
}

/** Takes longer than any call may last, so that nobody is in the middle of one. */
function restores(world: World): Step[] {
  const { backup, left } = world;
  const isBusy = world.nodes.some(({ work }) => work !== null);
  if (backup === null || left.restores === 0 || isBusy) return [];
  const next = spend(world, 'restores');
  const nodes = next.nodes.map((node) => ({ ...node, grants: [], contact: false, position: null }));
  return [
    {
      what: 'the store is restored from a backup',
      world: { ...next, nodes, store: backup },
      flaws: [],
    },
  ];
}
