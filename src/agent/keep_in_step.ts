import { messageOf, TartanError } from '../errors.ts';
import type { Snapshot } from '../store/contract.ts';
import { watchEndpointFile } from './endpoint_file.ts';
import { follow } from './follow.ts';
import { followConfig } from './follow_config.ts';
import {
  loseLease,
  type Member,
  noteConversion,
  publishesOther,
  reacquire,
  reconcile,
  renewalIn,
  renewOwn,
  syncEndpoints,
  syncPeers,
  takeNumbering,
  tellOfWriter,
} from './member.ts';
import { createPace } from './pace.ts';
import { relevanceOf } from './relevance.ts';
import { createTask, type Task } from './task.ts';
import { createWakeup } from './wakeup.ts';

const RECONCILIATION = 'reconciliation';

const NEVER = Number.POSITIVE_INFINITY;

/**
 * The life of a member: the store is followed all the time, and four tasks run one at a time, each when it is due.
 * Ends with the signal.
 * @param start what the kernel is in step with already
 */
export async function keepInStep(
  newcomer: Omit<Member, 'following' | 'inForce'>,
  start: Snapshot,
): Promise<void> {
  const { world, settings, herald } = newcomer;
  const { signal, elapsed: now, log } = world;
  const wakeup = createWakeup();

  const following = follow(world.store, start, signal, {
    onUpdate(whole) {
      herald.recovery();
      member.resynced ||= whole;
      member.heard = true;
      if (!member.lost && following.hasLost(member.own, member.attributes)) lose();
      if (!member.lost && whole) takeNumbering(member);
      if (!member.lost && noteConversion(member)) renewal.reschedule();
      if (!member.lost) tellOfWriter(member);
      peers.request();
      wakeup.notify();
    },
    onRejected: (key, reason) => log.warn(`skipped ${key} in the store: ${reason}`, { key }),
    onUnavailable: (message) => herald.outage(message),
  });
  const member: Member = { ...newcomer, following, inForce: following.table().leases };

  const task = (name: string, work: (member: Member) => Promise<void>, nextAt: () => number) =>
    createTask({
      now,
      random: Math.random,
      nextAt,
      async run() {
        await work(member);
        herald.relief(name);
      },
      onFailure(error) {
        if (signal.aborted) return;
        if (isOutage(error)) herald.outage(messageOf(error));
        else herald.trouble(name, messageOf(error));
      },
    });
  const whileHeld = (work: (member: Member) => Promise<void>) => async () => {
    if (!member.lost) await work(member);
  };

  const acquisition = task(
    'acquisition',
    async () => {
      if (!member.lost) return;
      member.heard = false;
      await reacquire(member);
      // What came meanwhile has not been compared with this one.
      if (member.heard && following.hasLost(member.own, member.attributes)) lose();
      renewal.reschedule();
      peers.request();
    },
    () => NEVER,
  );
  const renewal = task(
    'renewal',
    whileHeld(async () => {
      await renewOwn(member);
      if (member.lost) acquisition.request();
    }),
    () => {
      if (member.lost) return NEVER;
      return publishesOther(member) ? now() : now() + renewalIn(member);
    },
  );
  const peers = task('peers', whileHeld(syncPeers), () => NEVER);
  using pace = createPace(() => {
    reconciliation.hurry();
    wakeup.notify();
  });
  const look = whileHeld(async () => {
    await reconcile(member, RECONCILIATION);
    // The clock may have been set, or the machine have slept.
    renewal.reschedule();
    if (publishesOther(member)) renewal.request();
  });
  const reconciliation = task(
    RECONCILIATION,
    () => pace.look(look),
    () => now() + settings.reconcileIntervalSeconds * 1000,
  );

  // Once at the start: what was added between the survey and the watching of the file.
  const endpoints = task('endpoints', syncEndpoints, () => NEVER);
  endpoints.request();

  function lose(): void {
    loseLease(member);
    acquisition.request();
  }

  let isFollowing = true;
  const endOfFollowing = following.ended.finally(() => {
    isFollowing = false;
    wakeup.notify();
  });
  endOfFollowing.catch(() => {}); // Awaited below, after the task that runs.
  listen(newsOf(member), pace.heard).catch((error: unknown) => {
    log.warn(`no news of the host any more: ${messageOf(error)}`);
  });
  watchEndpointFile(settings, signal, () => {
    endpoints.request();
    wakeup.notify();
  });
  void followConfig({
    store: world.store,
    log,
    intervalMs: settings.reconcileIntervalSeconds * 1000,
    signal,
    current: () => member.found.config,
    adopt(config) {
      member.found = { ...member.found, config };
      reconciliation.request();
      wakeup.notify();
    },
  });
  signal.addEventListener('abort', wakeup.notify, { once: true });

  const tasks: readonly Task[] = [endpoints, acquisition, renewal, peers, reconciliation];
  while (!signal.aborted && isFollowing) {
    for (const { runIfDue } of tasks) await runIfDue();
    const dueAt = Math.min(...tasks.map((each) => each.dueAt()));
    if (!signal.aborted) await wakeup.wait(dueAt - now());
  }
  await endOfFollowing;
}

function isOutage(error: unknown): boolean {
  return error instanceof TartanError && error.code === 'STORE_UNAVAILABLE';
}

function newsOf(member: Member): AsyncIterable<void> {
  const { world, settings, following } = member;
  const concerns = relevanceOf(() => ({
    choice: settings.underlay,
    found: member.found,
    own: member.own,
    leases: following.table().leases,
  }));
  return world.watchHost({ concerns, neighbors: member.found.node.dataplane.kind === 'kernel' });
}

async function listen(news: AsyncIterable<void>, onNews: () => void): Promise<void> {
  for await (const _ of news) onNews();
}
