#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
import { renew } from '../src/agent/renew.ts';
import { statePath } from '../src/agent/state_file.ts';
import { runCommand } from './process.ts';
import { openStore, placesOf } from './wire.ts';

export function main(argv: readonly string[]): Promise<never> {
  return runCommand('renew', argv, async (context) => {
    const { stateDir, network } = placesOf(context.options);
    return renew(() => openStore(context), statePath(stateDir, network));
  });
}

if (import.meta.main) await main(process.argv.slice(2));
