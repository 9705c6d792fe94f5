#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
import { readIpv4 } from '../src/net/ipv4.ts';
import { relay } from '../src/relay/relay.ts';
import { type Context, runCommand } from './process.ts';

export function main(argv: readonly string[]): Promise<never> {
  const act = async (context: Context) => {
    const { bind, device, 'listen-port': port } = context.options;
    await relay(context, { device, bind: bind === null ? 0 : (readIpv4(bind) ?? 0), port });
    return null;
  };
  // Packets are not to stop because a log is full or its reader is gone.
  return runCommand('relay', argv, act, { outlivesOutput: true });
}

if (import.meta.main) await main(process.argv.slice(2));
