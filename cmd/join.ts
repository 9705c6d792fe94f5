#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
import { join, previewJoin } from '../src/agent/join.ts';
import { runCommand } from './process.ts';
import { memberSettingsOf, openWorld } from './wire.ts';

export function main(argv: readonly string[]): Promise<never> {
  return runCommand('join', argv, async (context) => {
    const world = await openWorld(context);
    const settings = memberSettingsOf(context.options);
    return context.options['dry-run'] ? previewJoin(world, settings) : join(world, settings);
  });
}

if (import.meta.main) await main(process.argv.slice(2));
