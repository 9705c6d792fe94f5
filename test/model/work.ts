/** How a node's work goes on: its calls are carried out one by one, and others may act between any two. */
import { type FormerSelf, rememberAttempt } from '../../src/lease/ownership.ts';
import { conclude } from './conclude.ts';
import { describeAnswer, describeCall } from './describe.ts';
import { carryJobOut, type Job, type Protocol, type Result } from './protocol.ts';
import { replay, type Standing, type Told } from './replay.ts';
import { type Answer, type Call, carryOut, keyOf } from './store.ts';
import {
  momentOf,
  type NodeState,
  nodeAt,
  type Outcome,
  type Step,
  spend,
  type Work,
  type World,
  withNode,
} from './world.ts';

/** Its number is that of what it was before the last was told. */
type History = Omit<Work, 'standing'>;

interface Stood {
  readonly number: number;
  readonly standing: Standing<Result>;
  readonly announced: FormerSelf | null;
}

/** Runs the jobs of one search, each history once. */
export interface Worker {
  start(world: World, index: number, job: Job): Promise<World>;
  /** All that can come of the work that a node is at. */
  goOn(world: World, index: number): Promise<Step[]>;
}

export function createWorker(protocol: Protocol): Worker {
  const known = new Map<string, Stood>();

  const stand = async ({ job, startedAt, told, number }: History): Promise<Stood> => {
    const key = JSON.stringify(told.length === 0 ? [job, startedAt] : [number, told.at(-1)]);
    const before = known.get(key);
    if (before !== undefined) return before;
    let announced: FormerSelf | null = null;
    const standing = await replay(
      (means) =>
        carryJobOut(protocol, job, means, (self) => {
          announced = self;
        }),
      told,
      startedAt,
    );
    const stood = { standing, announced, number: known.size };
    known.set(key, stood);
    return stood;
  };

  const enter = async (world: World, index: number, history: History) => {
    const { standing, announced, number } = await stand(history);
    const { job } = history;
    const before = job.does === 'join' ? job.remembered : null;
    const work = { ...history, number, standing };
    const entered = withNode(world, index, {
      work,
      ...(announced !== null && { remembered: rememberAttempt(before, announced) }),
    });
    return conclude(protocol, entered, index, work);
  };

  const tell = (world: World, index: number, told: Told) => {
    const work = workOf(nodeAt(world, index));
    return enter(world, index, { ...work, told: [...work.told, told] });
  };

  return {
    async start(world, index, job) {
      const startedAt = momentOf(world, nodeAt(world, index));
      const begun = withNode(world, index, { heard: false });
      const history = { number: -1, job, startedAt, told: [], disturbed: false };
      return (await enter(begun, index, history)).world;
    },

    async goOn(world, index) {
      const node = nodeAt(world, index);
      const { standing } = workOf(node);
      const at = momentOf(world, node);
      if (standing.kind === 'picks') {
        const choices = Array.from({ length: standing.limit }, (_, picked) => picked);
        return Promise.all(
          choices.map(async (picked) => {
            const next = await tell(world, index, { picked, at });
            return {
              ...next,
              what: `${node.name} picks number ${picked + 1} of ${standing.limit}`,
            };
          }),
        );
      }
      if (standing.kind !== 'asks') return [];
      const what = `${node.name}: ${describeCall(standing.call)}`;
      if (!node.connected) {
        const next = await tell(world, index, { unavailable: true, at });
        return [{ ...next, what: `${what} → unavailable` }];
      }
      const { now } = world;
      const { store, answer } = carryOut(
        world.store,
        standing.call,
        { now, skew: node.skew },
        protocol.rules,
      );
      const written = grant({ ...world, store }, index, standing.call, answer);
      const next = await tell(written.world, index, { answer, at });
      const steps = [
        {
          what: `${what} → ${describeAnswer(answer)}`,
          world: next.world,
          flaws: [...written.flaws, ...next.flaws],
        },
      ];
      if (world.left.lostReplies > 0) {
        const unheard = await tell(spend(written.world, 'lostReplies'), index, {
          unavailable: true,
          at,
        });
        steps.push({
          what: `${what} → ${describeAnswer(answer)}, and the reply is lost`,
          world: unheard.world,
          flaws: [...written.flaws, ...unheard.flaws],
        });
      }
      return steps;
    },
  };
}

/** Notes what the store has granted by a write. */
function grant(world: World, index: number, call: Call, answer: Answer): Outcome {
  if (answer === null || answer === false) return { world, flaws: [] };
  if (call.method !== 'create' && call.method !== 'renew' && call.method !== 'remove') {
    return { world, flaws: [] };
  }
  const [target] = call.args;
  const key = keyOf('subnet' in target ? target.subnet : target);
  const { name, grants } = nodeAt(world, index);
  const rivals = world.nodes.filter(
    (other) => other.name !== name && other.grants.some((granted) => granted.key === key),
  );
  const flaws = rivals.map(
    (rival) => `two live owners: ${name} writes ${key}, which ${rival.name} was granted`,
  );
  const others = grants.filter((granted) => granted.key !== key);
  const entry = world.store.entries.find((found) => found.key === key);
  const own = entry === undefined ? [] : [{ key, endsAt: entry.endsAt }];
  return { world: withNode(world, index, { grants: [...others, ...own] }), flaws };
}

function workOf({ name, work }: NodeState): Work {
  if (work === null) throw new Error(`${name} is at no work`);
  return work;
}
