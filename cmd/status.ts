#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
import { readStatus } from '../src/agent/status.ts';
import { statusText } from '../src/cli/status_text.ts';
import { print, runCommand } from './process.ts';
import { memberSettingsOf, openHost, openStore } from './wire.ts';

export function main(argv: readonly string[]): Promise<never> {
  return runCommand('status', argv, async (context) => {
    const { options, endWith } = context;
    const host = await openHost(context);
    const report = await readStatus(
      { ...host, openStore: () => openStore(context) },
      memberSettingsOf(options),
    );
    if (!report.healthy) endWith(1);
    if (options.json) return report;
    await print(statusText(report, Date.now()));
    return null;
  });
}

if (import.meta.main) await main(process.argv.slice(2));
