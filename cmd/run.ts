#!/usr/bin/env -S node --disable-warning=ExperimentalWarning --max-semi-space-size=1
import { createHealth } from '../src/agent/health.ts';
import { createTally } from '../src/agent/tally.ts';
import { runMember } from './member.ts';
import { namesSeveral, openNetworks } from './networks.ts';
import { type Context, runCommand } from './process.ts';
import { tellServiceManager } from './service.ts';
import { memberSettingsOf, openHealthServer, reconcileIntervalOf } from './wire.ts';

export function main(argv: readonly string[]): Promise<never> {
  return runCommand('run', argv, async (context) => {
    const { listen } = context.options;
    if (listen !== null) return (await import('./serve.ts')).serve(context, listen);
    await (namesSeveral(context.options) ? runSeveral(context) : runOne(context));
    return null;
  });
}

async function runOne(context: Context): Promise<void> {
  const { options, signal, log } = context;
  const reconcileIntervalSeconds = reconcileIntervalOf(options);
  const health = createHealth(reconcileIntervalSeconds, () => performance.now());
  const tally = createTally(() => performance.now());
  using service = tellServiceManager(health, log);
  await openHealthServer(context, health, () => [{ network: options.network, health, tally }]);
  signal.addEventListener('abort', () => service.stopping(), { once: true });
  const settings = { ...memberSettingsOf(options), reconcileIntervalSeconds };
  await runMember(context, settings, { health, tally, changed: service.update });
}

/**
 * The unit is ready at once: one network that fails must not hold up its start, and whoever waits for one waits for its
 * subnet file.
 */
async function runSeveral(context: Context): Promise<void> {
  const { signal, log } = context;
  const { healths, sources, run } = openNetworks(context.options);
  const ready = () => ({ ...healths.ready(), good: true });
  using service = tellServiceManager({ alive: healths.alive, ready }, log);
  await openHealthServer(context, healths, sources);
  signal.addEventListener('abort', () => service.stopping(), { once: true });
  service.update();
  await run(context, service.update);
}

if (import.meta.main) await main(process.argv.slice(2));
