#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
import { setTimeout } from 'node:timers/promises';
import { readStatus, type StatusReport } from '../src/agent/status.ts';
import { drawOver } from '../src/cli/screen.ts';
import { statusText } from '../src/cli/status_text.ts';
import { messageOf, TartanError } from '../src/errors.ts';
import type { LeaseStore } from '../src/store/contract.ts';
import { type Context, print, runCommand } from './process.ts';
import { memberSettingsOf, openHost, openStore } from './wire.ts';

export function main(argv: readonly string[]): Promise<never> {
  return runCommand('status', argv, async (context) => {
    const { options, endWith } = context;
    const look = await openLook(context);
    if (options.watch) return keepLooking(context, look);
    const report = await look();
    if (!report.healthy) endWith(1);
    if (options.json) return report;
    await print(statusText(report, Date.now()));
    return null;
  });
}

/** Of a terminal that does not say. */
const WIDE = 200;

/** The store is opened once, when it is there. */
async function openLook(context: Context): Promise<() => Promise<StatusReport>> {
  const host = await openHost(context);
  const settings = memberSettingsOf(context.options);
  let opened: LeaseStore | null = null;
  const world = {
    ...host,
    openStore: async () => {
      opened ??= await openStore(context);
      return opened;
    },
  };
  return () => readStatus(world, settings);
}

/** Until a signal. On a terminal each look takes the place of the one before. */
async function keepLooking(
  { options, signal, emit }: Context,
  look: () => Promise<StatusReport>,
): Promise<null> {
  let last: { readonly report: StatusReport; readonly at: number } | null = null;
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    const at = performance.now();
    const report = await lookUnlessGone(look, signal);
    if (signal.aborted) return null;
    if (options.json) emit({ time: new Date().toISOString(), ...report });
    else
      await show(report, {
        isFirst,
        before: last?.report ?? null,
        elapsedMs: at - (last?.at ?? 0),
      });
    last = 'error' in report ? null : { report, at };
    const restMs = options.interval * 1000 - (performance.now() - at);
    await setTimeout(Math.max(0, restMs), undefined, { signal }).catch(() => {});
  }
  return null;
}

async function show(
  report: StatusReport | Failure,
  { isFirst, ...times }: { isFirst: boolean; before: StatusReport | null; elapsedMs: number },
): Promise<void> {
  // As it is now: a window may be drawn larger. A terminal that has no size says 0.
  const { isTTY, rows, columns } = process.stdout;
  const live = { ...times, rows: (isTTY && rows) || null };
  const text =
    'error' in report ? `${report.error.message}\n` : statusText(report, Date.now(), live);
  await print(isTTY ? drawOver(text, { isFirst, columns: columns || WIDE }) : `${text}\n`);
}

type Failure = { readonly error: { readonly code: string; readonly message: string } };

/** A host may leave and join again meanwhile. */
async function lookUnlessGone(
  look: () => Promise<StatusReport>,
  signal: AbortSignal,
): Promise<StatusReport | Failure> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof TartanError)) throw error;
    if (error.code !== 'LEASE_LOST' && !signal.aborted) throw error;
    return { error: { code: error.code, message: messageOf(error) } };
  }
}

if (import.meta.main) await main(process.argv.slice(2));
