#!/usr/bin/env -S node --disable-warning=ExperimentalWarning --max-semi-space-size=1
import { watch } from '../src/agent/watch.ts';
import { runCommand } from './process.ts';
import { memberSettingsOf, openMonitor, openWorld, reconcileIntervalOf } from './wire.ts';

export function main(argv: readonly string[]): Promise<never> {
  return runCommand('watch', argv, async (context) => {
    const { options, emit } = context;
    const world = await openWorld(context);
    const watchHost = await openMonitor(context);
    const reconcileIntervalSeconds = reconcileIntervalOf(options);
    await watch(
      { ...world, watchHost, emit },
      { ...memberSettingsOf(options), reconcileIntervalSeconds },
    );
    return null;
  });
}

if (import.meta.main) await main(process.argv.slice(2));
