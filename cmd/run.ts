#!/usr/bin/env -S node --disable-warning=ExperimentalWarning --max-semi-space-size=1
import { createHealth } from '../src/agent/health.ts';
import { run } from '../src/agent/run.ts';
import { runCommand } from './process.ts';
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
    const { options, emit, signal, log } = context;
    if (options.listen !== null) return (await import('./serve.ts')).serve(context, options.listen);
    const reconcileIntervalSeconds = reconcileIntervalOf(options);
    const health = createHealth(reconcileIntervalSeconds, () => performance.now());
    using service = tellServiceManager(health, log);
    await openHealthServer(context, health);
    const host = await openHost(context);
    const watchHost = await openMonitor(context);
    signal.addEventListener('abort', () => service.stopping(), { once: true });
    const emitAndTell: typeof emit = (event) => {
      emit(event);
      service.update();
    };
    await run(
      { ...host, watchHost, health, emit: emitAndTell, openStore: () => openStore(context) },
      { ...memberSettingsOf(options), reconcileIntervalSeconds },
    );
    return null;
  });
}

if (import.meta.main) await main(process.argv.slice(2));
