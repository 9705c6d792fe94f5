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
  syncEndpoints,
  syncPeers,
  takeNumbering,
  tellOfWriter,
} from './member.ts';
import { measured } from './member_figures.ts';
import { rememberOwn, renewalIn, renewOwn } from './own_renewal.ts';
import { createPace } from './pace.ts';
import { relevanceOf } from './relevance.ts';
import { createTask } from './task.ts';
import { createTurns } from './turns.ts';

const RECONCILIATION = 'reconciliation';

const NEVER = Number.POSITIVE_INFINITY;

/**
 * The life of a member: the store is followed all the time, and what touches the kernel is done by tasks that take turns.
 * The renewal does not, and takes none: a store that does not answer must not keep the host from being mended. Ends with
 * the signal.
 * @param start what the kernel is in step with already
 */
export async function keepInStep(
  newcomer: Omit<Member, 'following' | 'inForce'>,
  start: Snapshot,
): Promise<void> {
  const { world, settings, herald } = newcomer;
  const { signal, elapsed: now, log } = world;
  const following = follow(world.store, start, signal, {
    onUpdate(whole) {
      herald.recovery();
      member.resynced ||= whole;
      member.heard = true;
      if (!member.lost) considerLoss();
      if (!member.lost && whole) takeNumbering(member);
      if (!member.lost && noteConversion(member)) renewal.reschedule();
      if (!member.lost) tellOfWriter(member);
      peers.request();
      wake();
    },
    onRejected: (key, reason) => log.warn(`skipped ${key} in the store: ${reason}`, { key }),
    onUnavailable: (message) => herald.outage(message),
  });
  const member: Member = { ...newcomer, following, inForce: following.table().leases };
  world.attend?.(measured(member));

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
      // Its answer may be of the lease that was lost.
      await renewing;
      member.heard = false;
      await reacquire(member);
      renewal.reschedule();
      // What came meanwhile has not been compared with this one.
      if (member.heard) considerLoss();
      peers.request();
      wake();
    },
    () => NEVER,
  );
  let renewing: Promise<void> | null = null;
  const renewal = task(
    'renewal',
    whileHeld(async () => {
      const work = renewOwn(member);
      renewing = work.catch(() => {});
      await work;
      if (member.lost) acquisition.request();
      else memory.request();
      wake();
    }),
    () => {
      if (member.lost) return NEVER;
      return publishesOther(member) ? now() : now() + renewalIn(member);
    },
  );
  const memory = task('memory', whileHeld(rememberOwn), () => NEVER);
  const peers = task('peers', whileHeld(syncPeers), () => NEVER);
  using pace = createPace(() => {
    reconciliation.hurry();
    wake();
  });
  const look = whileHeld(async () => {
    await reconcile(member, RECONCILIATION);
    // The clock may have been set, or the machine have slept.
    renewal.reschedule();
    if (publishesOther(member)) renewal.request();
    wake();
  });
  const reconciliation = task(
    RECONCILIATION,
    () =>
      pace.look(look).then(
        () => world.looked?.(),
        (error: unknown) => {
          world.looked?.(error);
          throw error;
        },
      ),
    () => now() + settings.reconcileIntervalSeconds * 1000,
  );

  // Once at the start: what was added between the survey and the watching of the file.
  const endpoints = task('endpoints', syncEndpoints, () => NEVER);
  endpoints.request();

  const inTurn = createTurns([endpoints, acquisition, memory, peers, reconciliation], now);
  const aside = createTurns([renewal], now);
  function wake(): void {
    inTurn.wake();
    aside.wake();
  }

  /**
   * A list from before this host's last write is one of a store that was restored from a backup, or one that was begun
   * before and came late: the renewal asks which.
   */
  function considerLoss(): void {
    if (!following.hasLost(member.own, member.attributes)) return;
    if (following.table().revision < member.own.revision) {
      renewal.hurry();
      return;
    }
    loseLease(member);
    acquisition.request();
  }

  let isFollowing = true;
  const endOfFollowing = following.ended.finally(() => {
    isFollowing = false;
    wake();
  });
  endOfFollowing.catch(() => {}); // Awaited below, after the task that runs.
  listen(newsOf(member), pace.heard).catch((error: unknown) => {
    log.warn(`no news of the host any more: ${messageOf(error)}`);
  });
  watchEndpointFile(settings, signal, () => {
    endpoints.request();
    wake();
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
      wake();
    },
  });
  signal.addEventListener('abort', wake, { once: true });

  const goesOn = () => !signal.aborted && isFollowing;
  await Promise.all([inTurn.run(goesOn), aside.run(goesOn)]);
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
