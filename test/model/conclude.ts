/** What becomes of a node when its work has come to an end. */
import type { Lease } from '../../src/lease/lease.ts';
import type { FormerSelf } from '../../src/lease/ownership.ts';
import { formatPrefix } from '../../src/net/prefix.ts';
import type { Protocol } from './protocol.ts';
import { keyOf } from './store.ts';
import { hear } from './view.ts';
import {
  momentOf,
  type NodeState,
  nodeAt,
  type Outcome,
  type Work,
  type World,
  withNode,
} from './world.ts';

/** What the node makes of work that has come to its end. */
export async function conclude(
  protocol: Protocol,
  world: World,
  index: number,
  { standing, disturbed }: Work,
): Promise<Outcome> {
  const node = nodeAt(world, index);
  if (standing.kind === 'asks' || standing.kind === 'picks') return { world, flaws: [] };
  if (standing.kind === 'failed') {
    if (standing.code === 'INTERNAL') throw new Error(standing.message);
    if (standing.code === 'LEASE_LOST') return lose(withNode(world, index, { work: null }), index);
    const rested = standing.code !== 'STORE_UNAVAILABLE';
    return { world: withNode(world, index, { work: null, rested }), flaws: [] };
  }
  const { result } = standing;
  const contact = node.connected && !disturbed;
  switch (result.did) {
    case 'renew': {
      const held = { lease: result.lease, learnt: momentOf(world, node) };
      const remembered = { self: selfOf(result.lease) };
      return {
        world: withNode(world, index, { work: null, held, remembered, contact }),
        flaws: [],
      };
    }
    case 'leave':
      return {
        world: withNode(world, index, {
          ...STOPPED,
          vtepMac: null,
          remembered: null,
          subnetEnv: null,
          // It has given up what it had, a reservation too.
          grants: [],
        }),
        flaws: [],
      };
    case 'join': {
      const { lease, learnt, snapshot } = result.acquired;
      const joined: Partial<NodeState> = {
        work: null,
        held: { lease, learnt },
        lost: false,
        rested: node.kind === 'timer',
        vtepMac: lease.attributes.vxlan?.vtepMac ?? null,
        remembered: { self: selfOf(lease) },
        subnetEnv: lease.subnet,
        contact,
      };
      const flaws = flawsOfJoin(node, keyOf(lease.subnet));
      if (node.kind === 'timer') return { world: withNode(world, index, joined), flaws };
      if (node.view === null) {
        const view = { table: snapshot, toldAnew: false };
        const watching = { ...joined, view, position: snapshot.revision };
        return { world: withNode(world, index, watching), flaws };
      }
      const { view, lost } = await hear(protocol, node.view, { type: 'read', snapshot }, lease);
      const again = withNode(world, index, { ...joined, view });
      if (!node.heard || !lost) return { world: again, flaws };
      const losing = lose(again, index);
      return { world: losing.world, flaws: [...flaws, ...losing.flaws] };
    }
  }
}

function flawsOfJoin({ name, grants, contact, held }: NodeState, key: string): string[] {
  const before = grants.filter((granted) => granted.key !== key).map((granted) => granted.key);
  const left = before.map((other) => `${name} takes ${key}, although its lease of ${other} lasts`);
  const former = held && keyOf(held.lease.subnet);
  const moved = contact && former !== null && former !== key;
  return moved ? [...left, `${name} kept contact, and moves from ${former} to ${key}`] : left;
}

/** The node learns that it has no lease. */
export function lose(world: World, index: number): Outcome {
  const { name, contact, held, lost } = nodeAt(world, index);
  const subnet = held && formatPrefix(held.lease.subnet);
  const flaws =
    contact && !lost ? [`${name} kept contact, and is told that ${subnet} is lost`] : [];
  return { world: withNode(world, index, { lost: true, contact: false }), flaws };
}

/** What is left of a process that has ended. */
export const STOPPED: Partial<NodeState> = {
  up: false,
  work: null,
  held: null,
  lost: false,
  view: null,
  position: null,
  contact: false,
};

function selfOf({ subnet, attributes: { publicIp, vxlan } }: Lease): FormerSelf {
  return { subnet, publicIp, vtepMac: vxlan?.vtepMac ?? '' };
}
