/** A state of the model: the store, the nodes, the time, and what may still go wrong. */
import type { Moment } from '../../src/agent/clocks.ts';
import type { Lease } from '../../src/lease/lease.ts';
import type { Remembered } from '../../src/lease/ownership.ts';
import type { Prefix } from '../../src/net/prefix.ts';
import { type Job, type Result, TICK_MS } from './protocol.ts';
import type { Standing, Told } from './replay.ts';
import { EMPTY_STORE, LAYOUT, type ModelStore, put } from './store.ts';
import type { View } from './view.ts';

/** What may happen, and how often in one run. */
export interface Faults {
  /** Half the life of a lease goes by. */
  readonly ticks: number;
  /** A node cannot reach the store, or stands still, until it is back. */
  readonly cuts: number;
  /** A call is carried out, and whoever made it is not told. */
  readonly lostReplies: number;
  /** A process dies. */
  readonly crashes: number;
  /** A machine forgets all that is not on its disk: /run, its devices. */
  readonly reboots: number;
  /** A node's clock is set, a day back or on. */
  readonly clockSteps: number;
  /** A watch is told everything anew: a compaction, another member of the cluster. */
  readonly resyncs: number;
  /** The store is put back to what it was at the first tick. */
  readonly restores: number;
  /** Somebody removes a lease's key. */
  readonly deletions: number;
  /** A node gives its lease back. */
  readonly leaves: number;
  /** A node's address becomes another. */
  readonly moves: number;
}

export interface Work {
  /** Of its history: the job, when it began, and all that was told. */
  readonly number: number;
  readonly job: Job;
  readonly startedAt: Moment;
  readonly told: readonly Told[];
  readonly standing: Standing<Result>;
  /** Something has come between: what was answered may not hold any more. Not known to the node. */
  readonly disturbed: boolean;
}

export interface NodeState {
  readonly name: string;
  /** `watch`: a process that stays; `timer`: `join` again and again. */
  readonly kind: 'watch' | 'timer';
  readonly up: boolean;
  readonly connected: boolean;
  /** ms by which its clock is ahead. */
  readonly skew: number;
  readonly publicIp: string;
  readonly boots: number;
  /** Of its device, if that is there. */
  readonly vtepMac: string | null;
  /** state.json */
  readonly remembered: Remembered | null;
  readonly subnetEnv: Prefix | null;
  /** What its process takes for its lease. */
  readonly held: Held | null;
  readonly lost: boolean;
  /** Does nothing more until time goes on. */
  readonly rested: boolean;
  readonly work: Work | null;
  readonly view: View | null;
  /** Revision up to which its watch is; null: it is to be told everything anew. */
  readonly position: number | null;
  /** The watch has told something since the last job began. */
  readonly heard: boolean;
  /** Nothing has come between it and its lease since it took or renewed it. Not known to the node. */
  readonly contact: boolean;
  /** What the store has granted it, and until when. Not known to the node. */
  readonly grants: readonly Grant[];
}

export interface Held {
  readonly lease: Lease;
  /** When its end was. */
  readonly learnt: Moment;
}

export interface Grant {
  readonly key: string;
  readonly endsAt: number | null;
}

export interface World {
  /** ms since the epoch by the store's clock. */
  readonly now: number;
  readonly store: ModelStore;
  readonly nodes: readonly NodeState[];
  readonly left: Faults;
  readonly backup: ModelStore | null;
  /** Keys that are reservations. */
  readonly reserved: readonly string[];
  readonly subnets: number;
  readonly victims: number;
}

export interface Scenario {
  readonly name: string;
  readonly nodes: readonly NodeState['kind'][];
  /** How many there are to hand out. */
  readonly subnets: number;
  readonly faults: Partial<Faults>;
  /** Something goes wrong with so many of the nodes, from the first on; default all. */
  readonly victims?: number;
  /** The first node has the last subnet reserved. */
  readonly reservation?: boolean;
}

const NO_FAULTS: Faults = {
  ticks: 0,
  cuts: 0,
  lostReplies: 0,
  crashes: 0,
  reboots: 0,
  clockSteps: 0,
  resyncs: 0,
  restores: 0,
  deletions: 0,
  leaves: 0,
  moves: 0,
};

export function firstWorld(scenario: Scenario): World {
  const { nodes, subnets, faults, reservation = false, victims = nodes.length } = scenario;
  const key = `${LAYOUT.subnets}10.5.${subnets}.0-24`;
  const value = `{"PublicIP":"${addressOf(0, 0)}","PublicIPv6":null}`;
  return {
    now: 10 * TICK_MS,
    store: reservation ? put(EMPTY_STORE, key, value, null) : EMPTY_STORE,
    nodes: nodes.map(newNode),
    left: { ...NO_FAULTS, ...faults },
    backup: null,
    reserved: reservation ? [key] : [],
    subnets,
    victims,
  };
}

function newNode(kind: NodeState['kind'], index: number): NodeState {
  return {
    name: 'abcdef'.charAt(index),
    kind,
    up: false,
    connected: true,
    skew: 0,
    publicIp: addressOf(index, 0),
    boots: 0,
    vtepMac: null,
    remembered: null,
    subnetEnv: null,
    held: null,
    lost: false,
    rested: false,
    work: null,
    view: null,
    position: null,
    heard: false,
    contact: false,
    grants: [],
  };
}

/** The addresses that a node has, one after the other. */
export function addressOf(index: number, which: number): string {
  return `192.168.64.${1 + index + 100 * which}`;
}

export function momentOf({ now }: World, { skew }: NodeState): Moment {
  return { wall: now + skew, steady: now };
}

/** The same world with one node changed. */
export function withNode(world: World, index: number, changes: Partial<NodeState>): World {
  const nodes = world.nodes.map((node, i) => (i === index ? { ...node, ...changes } : node));
  return { ...world, nodes };
}

/** The same world after something went wrong that may go wrong so and so often. */
export function spend(world: World, fault: keyof Faults): World {
  return { ...world, left: { ...world.left, [fault]: world.left[fault] - 1 } };
}

export function nodeAt(world: World, index: number): NodeState {
  const node = world.nodes[index];
  if (node === undefined) throw new RangeError(`there is no node ${index}`);
  return node;
}

/** What comes of something. */
export interface Outcome {
  readonly world: World;
  /** Which of the invariants do not hold. */
  readonly flaws: readonly string[];
}

/** What can happen next. */
export interface Step extends Outcome {
  readonly what: string;
}

/** What a node is at, after something that makes void what it was answered. */
export function disturbed({ work }: NodeState): Pick<NodeState, 'work'> {
  return { work: work && { ...work, disturbed: true } };
}
