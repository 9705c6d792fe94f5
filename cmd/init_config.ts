#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
import { buffer } from 'node:stream/consumers';
import { initConfig } from '../src/agent/init_config.ts';
import { readConfigSource } from '../src/cli/config_source.ts';
import { runCommand } from './process.ts';
import { openStore } from './wire.ts';

export function main(argv: readonly string[]): Promise<never> {
  return runCommand('init-config', argv, async (context) => {
    const { options, argument } = context;
    const text = await readConfigSource(argument, () => buffer(process.stdin));
    const { backendFor } = await import('../src/backend/table.ts');
    const settings = { text, force: options.force, dryRun: options['dry-run'] };
    return initConfig(() => openStore(context, !settings.dryRun), backendFor, settings);
  });
}

if (import.meta.main) await main(process.argv.slice(2));
