#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
import { previewTeardown, teardown } from '../src/agent/teardown.ts';
import { runCommand } from './process.ts';
import { openKernel, openStore, placesOf } from './wire.ts';

export function main(argv: readonly string[]): Promise<never> {
  return runCommand('teardown', argv, async (context) => {
    const { options, log, signal } = context;
    const kernel = await openKernel(context);
    const [{ hostReader: host }, { lockFile }] = await Promise.all([
      import('../src/kernel/host.ts'),
      import('../src/sys/flock.ts'),
    ]);
    const world = { kernel, host, lockFile, log, signal, openStore: () => openStore(context) };
    const settings = { ...placesOf(options), keepLease: options['keep-lease'] };
    return options['dry-run'] ? previewTeardown(world, settings) : teardown(world, settings);
  });
}

if (import.meta.main) await main(process.argv.slice(2));
