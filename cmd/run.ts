#!/usr/bin/env -S node --disable-warning=ExperimentalWarning --max-semi-space-size=1
import type { WatchEvent } from '../src/agent/events.ts';
import { createHealth, type Health } from '../src/agent/health.ts';
import { heedStore } from '../src/agent/heed_store.ts';
import { run } from '../src/agent/run.ts';
import { countOps, createTally } from '../src/agent/tally.ts';
import { healthsOf, namesSeveral, runSeveral } from './networks.ts';
import { type Context, runCommand } from './process.ts';
import { tellServiceManager } from './service.ts';
import {
  memberSettingsOf,
  openHealthServer,
  openHost,
  openMonitor,
  openStore,
  reconcileIntervalOf,
} from './wire.ts';

export function main(argv: readonly string[]): Promise<never> {
  return runCommand('run', argv, async (context) => {
    if (namesSeveral(context.options)) return several(context);
    const { options, emit, signal, log } = context;
    const reconcileIntervalSeconds = reconcileIntervalOf(options);
    const health = createHealth(reconcileIntervalSeconds, () => performance.now());
    const tally = createTally(() => performance.now());
    using service = tellServiceManager(health, log);
    await openHealthServer(context, health, [{ network: options.network, health, tally }]);
    const host = await openHost(context);
    const watchHost = await openMonitor(context);
    signal.addEventListener('abort', () => service.stopping(), { once: true });
    const emitAndTell = (event: WatchEvent) => {
      emit(event);
      tally.note(event);
      service.update();
    };
    const healthAndTell: Health = {
      ...health,
      looked(failure) {
        health.looked(failure);
        tally.looked(failure);
        service.update();
      },
    };
    await run(
      {
        ...host,
        kernel: countOps(host.kernel, tally),
        watchHost,
        health: healthAndTell,
        emit: emitAndTell,
        openStore: async () => heedStore(await openStore(context), tally),
        attend: tally.attend,
      },
      { ...memberSettingsOf(options), reconcileIntervalSeconds },
    );
    return null;
  });
}

/**
 * The unit is ready at once: one network that fails must not hold up its start, and whoever waits for one waits for its
 * subnet file.
 */
async function several(context: Context): Promise<null> {
  const { signal, log, emit } = context;
  const healths = healthsOf(context.options);
  const ready = () => ({ ...healths.ready(), good: true });
  using service = tellServiceManager({ alive: healths.alive, ready }, log);
  await openHealthServer(context, healths, []);
  signal.addEventListener('abort', () => service.stopping(), { once: true });
  service.update();
  const emitAndTell: typeof emit = (event) => {
    emit(event);
    service.update();
  };
  await runSeveral({ ...context, emit: emitAndTell }, healths);
  return null;
}

if (import.meta.main) await main(process.argv.slice(2));
